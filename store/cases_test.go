package store

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// aCase is a case as it is opened.
func aCase(id string) call.Case {
	return call.Case{
		ID: call.ID(id), Call: "call-" + call.ID(id), Line: "919", From: "+994500001122", Withheld: true, Language: "az", Matter: call.MatterComplaint,
		Topic: "stay", Unit: "legal", State: call.CaseRegistered, Opened: t0, Term: call.TermOrdinary, ForwardBy: t0.Add(72 * time.Hour),
		AskBy: t0.Add(time.Hour), Due: t0.Add(360 * time.Hour), Changed: t0, Path: "messages/" + id + ".wav", Length: 42 * time.Second,
	}
}

// toBeTold is one e-mail and one webhook.
func toBeTold(id string) call.CaseChange {
	return call.CaseChange{
		Notes: []call.CaseNote{{At: t0, Who: "hotline", What: "registered"}},
		Tell: []call.Delivery{
			{Case: call.ID(id), Key: id, Unit: "legal", Channel: call.ByEmail, Next: t0, By: t0.Add(72 * time.Hour)},
			{Case: call.ID(id), Key: id + "-50", Unit: "legal", Channel: call.ByEmail, Percent: 50, Next: t0.Add(180 * time.Hour)},
		},
	}
}

func TestACaseComesBackAsItWas(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openIn(t, dir)
	number, fresh, err := s.OpenCase(ctx, aCase("m1"), 2026, toBeTold("m1"))
	must(t, err)
	if number != "2026-000001" || !fresh {
		t.Fatalf("number %q, fresh %v", number, fresh)
	}
	want := aCase("m1")
	want.Number = number
	for range 2 {
		got, err := s.Case(ctx, number)
		must(t, err)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("case:\n got %+v\nwant %+v", got, want)
		}
		if got.From.Raw() != "+994500001122" {
			t.Fatalf("the caller's number is %q", got.From.Raw())
		}
		events, err := s.Events(ctx, want.Call)
		must(t, err)
		if len(events) != 1 || events[0].Name != "case.opened" || strings.Contains(fmt.Sprint(events), "1122") {
			t.Fatalf("events %v", events)
		}
		must(t, s.Close())
		s = openIn(t, dir)
		if again, fresh, err := s.OpenCase(ctx, aCase("m1"), 2027, call.CaseChange{}); again != number || fresh || err != nil {
			t.Fatalf("opened again after a start: %q, %v, %v", again, fresh, err)
		}
	}
	if _, err := s.Case(ctx, "2026-000002"); !errors.Is(err, call.ErrNoCase) {
		t.Errorf("a case that is not there: %v", err)
	}
}

func TestTheJournalTellsNothingOfAConfidentialCase(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	c := aCase("m1")
	c.Confidential = true
	_, _, err := s.OpenCase(ctx, c, 2026, call.CaseChange{})
	must(t, err)
	events, err := s.Events(ctx, c.Call)
	must(t, err)
	if len(events) != 1 || events[0].Data["topic"] != "" || events[0].Data["confidential"] != "true" {
		t.Errorf("events %v", events)
	}
}

func TestNumbersBeginAnewEachYear(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openIn(t, dir)
	var got []string
	for i, year := range []int{2026, 2026, 2027, 2026, 2027} { // a message of the old year may come late
		if i == 3 {
			must(t, s.Close())
			s = openIn(t, dir)
		}
		number, _, err := s.OpenCase(ctx, aCase(fmt.Sprint("m", i)), year, call.CaseChange{})
		must(t, err)
		got = append(got, number)
	}
	if want := []string{"2026-000001", "2026-000002", "2027-000001", "2026-000003", "2027-000002"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Many messages end at once, each is told of twice: no number is given twice, none is left out, and the
// caller waits for no disk.
func TestTenThousandCasesAtOnce(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	const n, workers = 10_000, 64
	numbers := make([]string, 2*n)
	var (
		wg      sync.WaitGroup
		mu      sync.Mutex
		longest time.Duration
	)
	for w := range workers {
		wg.Go(func() {
			for i := w; i < 2*n; i += workers {
				began := time.Now()
				number, _, err := s.OpenCase(ctx, aCase(fmt.Sprintf("m%05d", i%n)), 2026, call.CaseChange{})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				numbers[i], longest = number, max(longest, time.Since(began))
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if !slices.Equal(numbers[:n], numbers[n:]) {
		t.Error("a message told twice has two numbers")
	}
	slices.Sort(numbers[:n])
	for i, number := range numbers[:n] {
		if want := fmt.Sprintf("2026-%06d", i+1); number != want {
			t.Fatalf("number %d is %s, want %s", i, number, want)
		}
	}
	t.Logf("the longest opening with %d at once took %s", workers, longest)
}

// What the disk did not take has no number that anybody may tell, until it has taken it.
func TestNoNumberIsToldThatIsNotSafe(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	_, _, err := s.OpenCase(ctx, aCase("m1"), 2026, call.CaseChange{})
	must(t, err)
	readOnly, err := os.Open(os.DevNull)
	must(t, err)
	s.spool.mu.Lock()
	good := s.spool.f
	s.spool.f = readOnly
	s.spool.mu.Unlock()
	for range 2 {
		if number, _, err := s.OpenCase(ctx, aCase("m2"), 2026, call.CaseChange{}); err == nil || number != "" {
			t.Fatalf("the disk takes nothing: number %q, %v", number, err)
		}
	}
	s.spool.mu.Lock()
	s.spool.f = good
	s.spool.mu.Unlock()
	readOnly.Close()
	s.spool.retryHeld()
	for id, want := range map[string]string{"m2": "2026-000002", "m1": "2026-000001"} {
		if number, fresh, err := s.OpenCase(ctx, aCase(id), 2026, call.CaseChange{}); number != want || fresh || err != nil {
			t.Errorf("%s, when the disk takes again: %q, %v, %v", id, number, fresh, err)
		}
	}
}

// A database that somebody has locked keeps no caller waiting for a number.
func TestALockedDatabaseStopsNoNumber(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	_, _, err := s.OpenCase(ctx, aCase("m0"), 2026, call.CaseChange{})
	must(t, err)
	must(t, s.Flush(ctx))
	tx, err := s.writer.BeginTx(ctx, nil)
	must(t, err)
	began := time.Now()
	for i := range 10 {
		if number, _, err := s.OpenCase(ctx, aCase(fmt.Sprint("n", i)), 2026, call.CaseChange{}); err != nil || number != fmt.Sprintf("2026-%06d", i+2) {
			t.Errorf("%q, %v", number, err)
		}
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("ten numbers took %s", took)
	}
	must(t, tx.Rollback())
}

func TestWhatAUnitHasIsNotToldAgain(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	_, _, err := s.OpenCase(ctx, aCase("m1"), 2026, toBeTold("m1"))
	must(t, err)
	due, next, err := s.DueDeliveries(ctx, t0, 10)
	must(t, err)
	if len(due) != 1 || due[0].Key != "m1" || !next.Equal(t0.Add(180*time.Hour)) {
		t.Fatalf("due %+v, next %s", due, next)
	}
	failed := due[0]
	failed.Tries, failed.Next, failed.Fault = 1, t0.Add(time.Minute), "busy"
	must(t, s.NotDelivered(ctx, failed))
	if n, err := s.CaseCounts(ctx, t0.Add(1000*time.Hour)); err != nil || n.Waiting != 2 || n.Late != 1 || n.Overdue != 1 || n.Open[call.CaseRegistered] != 1 {
		t.Errorf("counts %+v, %v", n, err)
	}
	if due, _, err = s.DueDeliveries(ctx, t0, 10); err != nil || len(due) != 0 {
		t.Fatalf("due before its time: %+v, %v", due, err)
	}
	must(t, s.Delivered(ctx, failed, t0.Add(time.Minute)))
	must(t, s.Delivered(ctx, failed, t0.Add(2*time.Minute))) // another process had not noted it
	c, err := s.Case(ctx, "2026-000001")
	must(t, err)
	if !c.Forwarded.Equal(t0.Add(time.Minute)) {
		t.Errorf("forwarded %s", c.Forwarded)
	}
	// Told anew with a changed term: the unit has the case, the reminder moves.
	_, err = s.ChangeCase(ctx, c.Number, func(*call.Case) (call.CaseChange, error) {
		with := toBeTold("m1")
		with.Drop, with.Tell[1].Next = true, t0.Add(300*time.Hour)
		return with, nil
	})
	must(t, err)
	due, next, err = s.DueDeliveries(ctx, t0.Add(200*time.Hour), 10)
	must(t, err)
	if len(due) != 0 || !next.Equal(t0.Add(300*time.Hour)) {
		t.Errorf("due %+v, next %s", due, next)
	}
}

// A unit with a long row of things to be told leaves the others their place.
func TestEachReceiverHasItsShareOfTheOutbox(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	for i := range 20 {
		id := fmt.Sprint("m", i)
		_, _, err := s.OpenCase(ctx, aCase(id), 2026, toBeTold(id))
		must(t, err)
	}
	_, _, err := s.OpenCase(ctx, aCase("other"), 2026, call.CaseChange{Tell: []call.Delivery{
		{Case: "other", Key: "other", Unit: "stay", Channel: call.ByEmail, Next: t0.Add(time.Second)}}})
	must(t, err)
	due, _, err := s.DueDeliveries(ctx, t0.Add(time.Minute), 5)
	must(t, err)
	if len(due) != 6 || due[5].Unit != "stay" {
		t.Errorf("%d due: %+v", len(due), due)
	}
}

func TestAChangeThatIsRefusedChangesNothing(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	number, _, err := s.OpenCase(ctx, aCase("m1"), 2026, call.CaseChange{})
	must(t, err)
	why := errors.New("no")
	if _, err := s.ChangeCase(ctx, number, func(c *call.Case) (call.CaseChange, error) {
		c.Unit = "stay"
		return call.CaseChange{Notes: []call.CaseNote{{At: t0, Who: "x", What: "y"}}}, why
	}); !errors.Is(err, why) {
		t.Errorf("error %v", err)
	}
	c, err := s.Case(ctx, number)
	must(t, err)
	notes, err := s.CaseNotes(ctx, number)
	must(t, err)
	if c.Unit != "legal" || len(notes) != 0 {
		t.Errorf("unit %s, notes %v", c.Unit, notes)
	}
}

func TestTasksOfACase(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	number, _, err := s.OpenCase(ctx, aCase("m1"), 2026, call.CaseChange{})
	must(t, err)
	want := call.Task{ID: "t1", Case: "m1", Number: number, Kind: call.TaskCallback, Made: t0, Due: t0.Add(time.Hour), Next: t0, Changed: t0}
	_, err = s.ChangeCase(ctx, number, func(*call.Case) (call.CaseChange, error) { return call.CaseChange{Tasks: []call.Task{want}}, nil })
	must(t, err)
	if got, err := s.Tasks(ctx, false); err != nil || !reflect.DeepEqual(got, []call.Task{want}) {
		t.Fatalf("tasks %+v, %v", got, err)
	}
	_, err = s.ChangeTask(ctx, "t1", func(t *call.Task) (call.CaseChange, error) {
		t.Outcome = call.TaskDone
		return call.CaseChange{Notes: []call.CaseNote{{At: t0, Who: "aysel", What: "called"}}}, nil
	})
	must(t, err)
	if _, err := s.ChangeTask(ctx, "t1", func(*call.Task) (call.CaseChange, error) { return call.CaseChange{}, nil }); !errors.Is(err, ErrUnknown) {
		t.Errorf("a task that is over: %v", err)
	}
	open, err := s.Tasks(ctx, false)
	must(t, err)
	all, err := s.Tasks(ctx, true)
	must(t, err)
	notes, err := s.CaseNotes(ctx, number)
	must(t, err)
	if len(open) != 0 || len(all) != 1 || len(notes) != 1 {
		t.Errorf("open %v, all %v, notes %v", open, all, notes)
	}
}

// caseVictim opens cases and says on standard output which number it would tell, each twice.
func caseVictim(dir string) error {
	lock, err := Lock(dir)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	s, err := Open(Options{Dir: dir, Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
	if err != nil {
		return err
	}
	began := time.Now().UnixNano()
	for n := 0; ; n++ {
		id := fmt.Sprintf("m-%d-%d", began, n)
		number, _, err := s.OpenCase(context.Background(), aCase(id), 2026, toBeTold(id))
		if err != nil {
			return err
		}
		fmt.Println(id, number) // unbuffered: one write(2)
		if n%8 == 0 {
			time.Sleep(time.Millisecond) // so that commits lie between; nothing depends on it
		}
	}
}

// kill -9 at any moment: each number that was told is that of its case for ever, no number is given
// twice, and none is left out but where a case was written and nobody was told any more.
func TestKill9KeepsEveryNumber(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	exe, err := os.Executable()
	must(t, err)
	told := map[string]string{} // number by id
	for range 10 {
		cmd := exec.Command(exe)
		cmd.Env = append(os.Environ(), victimDir+"="+dir, victimDir+"_CASES=1")
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		must(t, err)
		must(t, cmd.Start())
		lines := bufio.NewScanner(out)
		var kill *time.Timer
		for lines.Scan() {
			id, number, whole := strings.Cut(lines.Text(), " ")
			if !whole {
				t.Fatalf("the writer said %q", lines.Text())
			}
			told[id] = number
			if kill == nil {
				kill = time.AfterFunc(time.Duration(rnd.IntN(120))*time.Millisecond, func() { cmd.Process.Kill() })
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the writer ended by itself: %v", err)
		}
	}
	s := openIn(t, dir)
	rows, err := s.Cases(context.Background(), call.CaseFilter{})
	must(t, err)
	seen := map[string]string{}
	for i, c := range rows {
		seen[string(c.ID)] = c.Number
		if want := fmt.Sprintf("2026-%06d", len(rows)-i); c.Number != want {
			t.Fatalf("row %d is %s, want %s", i, c.Number, want)
		}
	}
	for id, number := range told {
		if seen[id] != number {
			t.Fatalf("%s was told %s and is %q", id, number, seen[id])
		}
	}
	if len(rows) > len(told)+10 {
		t.Errorf("%d rows, told of %d", len(rows), len(told))
	}
	waiting, err := query(context.Background(), s.reader, func(rows *sql.Rows) (n int, err error) { return n, rows.Scan(&n) },
		`SELECT count(*) FROM case_outbox WHERE percent = 0`)
	must(t, err)
	if waiting[0] != len(rows) {
		t.Errorf("%d cases, %d to be told", len(rows), waiting[0])
	}
	t.Logf("%d cases", len(rows))
}
