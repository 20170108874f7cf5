package archive

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// What tells the process that is to be killed where it works, and at which moment it kills itself;
// 0: not at all.
const (
	victimDir    = "HOTLINE_TEST_AWAY_IN"
	victimFolder = "HOTLINE_TEST_AWAY_FOLDER"
	victimS3     = "HOTLINE_TEST_AWAY_S3"
	victimErases = "HOTLINE_TEST_AWAY_ERASES"
	victimDies   = "HOTLINE_TEST_AWAY_DIES"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		victim(dir)
		return
	}
	os.Exit(m.Run())
}

// victim sends what there is, removes it here and erases one recording, until it is killed or all is
// done.
func victim(dir string) {
	dies, _ := strconv.ParseInt(os.Getenv(victimDies), 10, 64) // nothing: 0
	var moments atomic.Int64
	moment := func() {
		if moments.Add(1) == dies {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // cannot fail
			select {}
		}
	}
	folder := os.Getenv(victimFolder)
	places := []Located{{Place: mortal{NewFolder(folder, "", func(string) error { return nil }), moment}, Name: "dir", Where: "file://" + folder}}
	if host := os.Getenv(victimS3); host != "" {
		o := S3Options{Endpoint: host, Bucket: bucket, Region: "us-east-1", AccessKey: "a", SecretKey: "b", Insecure: true}
		p := must(NewS3(o))
		p.part = testPart
		places = append(places, Located{Place: mortal{p, moment}, Name: "s3", Where: o.Where()})
	}
	a := must(New(Options{
		Dir: dir, Places: places, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Events: func(call.Event) { moment() },
	}))
	a.Start()
	moment()
	if stem := os.Getenv(victimErases); stem != "" {
		if err := a.Erase(context.Background(), stem); err != nil {
			panic(err)
		}
	}
	for !a.settled() {
		time.Sleep(time.Millisecond)
	}
	if err := a.Close(); err != nil {
		panic(err)
	}
}

// settled reports whether all that has a manifest is away, nothing is owed and nothing is here.
func (a *Archive) settled() bool {
	shelves, err := walk(context.Background(), a.root)
	if err != nil {
		panic(err)
	}
	for _, s := range shelves {
		if s.sound && !a.isErasing(s.stem) {
			return false
		}
	}
	return a.Pending() == 0 && len(a.Erasing()) == 0
}

// A mortal place is one at which the process may die, before and after all that it asks.
type mortal struct {
	Place
	moment func()
}

func (p mortal) Put(ctx context.Context, name string, s Source) error {
	p.moment()
	defer p.moment()
	return p.Place.Put(ctx, name, s)
}

func (p mortal) Stat(ctx context.Context, name string) (Object, error) {
	p.moment()
	return p.Place.Stat(ctx, name)
}

func (p mortal) Get(ctx context.Context, name string) (Reader, error) {
	p.moment()
	return p.Place.Get(ctx, name)
}

func (p mortal) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	p.moment()
	return p.Place.List(ctx, prefix)
}

func (p mortal) Delete(ctx context.Context, prefix string) error {
	p.moment()
	defer p.moment()
	return p.Place.Delete(ctx, prefix)
}

// A deathbed is where victims die.
type deathbed struct {
	dir, folder string
	storage     *storage
	takes       []take
	erased      take
}

func newDeathbed(t *testing.T, s3 bool) *deathbed {
	d := &deathbed{dir: t.TempDir(), folder: t.TempDir()}
	if s3 {
		d.storage = newStorage(t, false)
	}
	d.takes = []take{record(t, d.dir, time.Now(), 200_000), record(t, d.dir, time.Now(), testPart+70_000)}
	d.erased = record(t, d.dir, time.Now(), 3000)
	return d
}

// run lets a victim run; true: it lived to the end.
func (d *deathbed) run(t *testing.T, dies int, after time.Duration) bool {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), victimDir+"="+d.dir, victimFolder+"="+d.folder, victimErases+"="+d.erased.stem, victimDies+"="+strconv.Itoa(dies))
	if d.storage != nil {
		cmd.Env = append(cmd.Env, victimS3+"="+d.storage.Listener.Addr().String())
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if after > 0 {
		timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
		defer timer.Stop()
	}
	err = cmd.Wait()
	switch {
	case err == nil:
		return true
	case ctx.Err() != nil:
		t.Fatalf("it hangs\n%s", out.Bytes())
	}
	if status := cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != syscall.SIGKILL {
		t.Fatalf("it ended by itself: %v\n%s", err, out.Bytes())
	}
	return false
}

func (d *deathbed) places(t *testing.T) []Located {
	all := []Located{folderAt(t, d.folder)}
	if d.storage != nil {
		o := d.storage.options()
		o.Prefix = ""
		all = append(all, Located{Place: must(NewS3(o)), Name: "s3", Where: o.Where()})
	}
	return all
}

// sane demands that nothing is lost, nothing went early, and nothing half lies under a name.
func (d *deathbed) sane(t *testing.T, what string) {
	t.Helper()
	root := must(os.OpenRoot(d.dir))
	defer root.Close()
	for _, k := range d.takes {
		b, err := os.ReadFile(filepath.Join(d.dir, k.stem+plainExt))
		here := err == nil
		if here && !bytes.Equal(b, k.files[k.stem+plainExt]) {
			t.Errorf("%s: the sound here was changed", what)
		}
		n, err := readNote(root, k.stem)
		if err != nil {
			t.Errorf("%s: the note: %v", what, err)
		}
		if !here && n.Removed == nil {
			t.Errorf("%s: the sound was removed before it was noted", what)
		}
		for _, p := range d.places(t) {
			c := n.copyAt(p.Where)
			for name, want := range k.files {
				got, err := fetch(p, name)
				if err == nil && !bytes.Equal(got, want) {
					t.Errorf("%s: %s lies at %s and is not what it was: %d bytes of %d", what, name, p.Name, len(got), len(want))
				}
				if (c != nil || !here) && err != nil {
					t.Errorf("%s: here %v, noted %v, and %s does not lie at %s: %v", what, here, c != nil, name, p.Name, err)
				}
			}
		}
	}
}

// over demands that all is done: all away, nothing here, the erased nowhere, nothing left over.
func (d *deathbed) over(t *testing.T, what string) {
	t.Helper()
	d.sane(t, what)
	for _, p := range d.places(t) {
		if got := all(t, p, ""); len(got) != 6 {
			t.Errorf("%s: at %s lie %v", what, p.Name, got)
		}
	}
	for _, k := range d.takes {
		if _, err := os.Stat(filepath.Join(d.dir, k.stem+plainExt)); err == nil {
			t.Errorf("%s: the sound is still here", what)
		}
	}
	var parts []string
	_ = filepath.WalkDir(d.folder, func(name string, _ os.DirEntry, _ error) error {
		if filepath.Ext(name) == partExt {
			parts = append(parts, name)
		}
		return nil
	})
	if len(parts) > 0 {
		t.Errorf("%s: %v are left", what, parts)
	}
}

// A process dies before and after each thing it asks of a place, and the next one goes on.
func TestKilledAtEveryMoment(t *testing.T) {
	t.Parallel()
	step := 12 // some of the moments, others each time
	if os.Getenv("HOTLINE_NIGHTLY") == "1" {
		step = 1
	}
	kills := 0
	for dies := 1 + rand.IntN(step); ; dies += step {
		d := newDeathbed(t, true)
		what := fmt.Sprintf("killed at moment %d", dies)
		lived := d.run(t, dies, 0)
		d.sane(t, what)
		if !lived {
			kills++
			if !d.run(t, 0, 0) {
				t.Fatalf("%s: the next process did not live", what)
			}
		}
		d.over(t, what)
		if lived || t.Failed() {
			break
		}
	}
	t.Logf("%d deaths", kills)
	if kills < 50/step {
		t.Errorf("there were only %d moments to die at", kills)
	}
}

// A process is killed again and again, at any time, on one folder.
func TestKilledAtRandom(t *testing.T) {
	t.Parallel()
	rounds := 4
	if os.Getenv("HOTLINE_NIGHTLY") == "1" {
		rounds = 200
	}
	deaths := 0
	for i := 0; i < rounds; {
		d := newDeathbed(t, i%2 == 0)
		for lived := false; !lived && i < rounds; i++ {
			after := time.Duration(20+rand.IntN(250)) * time.Millisecond
			lived = d.run(t, 0, after)
			d.sane(t, fmt.Sprintf("killed after %v", after))
			if !lived {
				deaths++
			}
		}
		d.run(t, 0, 0)
		d.over(t, "in the end")
		if t.Failed() {
			return
		}
	}
	t.Logf("%d deaths in %d rounds", deaths, rounds)
}
