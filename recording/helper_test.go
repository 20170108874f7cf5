package recording

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/media"
	"hotline/recording/chain"
)

// answered is when the calls of these tests are answered: ten to midnight in Baku, so that the
// day of the folder is not the day in UTC of everybody's clock.
var answered = time.Date(2026, 3, 1, 20, 5, 0, 123e6, time.UTC)

var baku = time.FixedZone("Asia/Baku", 4*3600)

// TestMain is also the processes that the kill tests kill.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		recordUntilKilled(dir)
		return
	}
	if dir := os.Getenv(manyDir); dir != "" {
		recordManyUntilKilled(dir)
		return
	}
	if dir := os.Getenv(keeperDir); dir != "" {
		keepUntilKilled(dir)
		return
	}
	os.Exit(m.Run())
}

// A clock shows what it is told.
type clock struct{ at atomic.Pointer[time.Time] }

func (c *clock) set(t time.Time) { c.at.Store(&t) }
func (c *clock) now() time.Time  { return *c.at.Load() }

// A studio is a recorder in a folder of its own, on a clock of its own.
type studio struct {
	*Recorder
	t     *testing.T
	data  string
	clock *clock
	reg   *prometheus.Registry

	mu     sync.Mutex
	events []call.Event
	late   []Result
}

// newStudio opens a recorder; out may change what it gets of the machine.
func newStudio(t *testing.T, format string, out func(*outside)) *studio {
	t.Helper()
	return newStudioWith(t, format, out, func(*studio, *Options) {})
}

// newStudioWith opens one with other options.
func newStudioWith(t *testing.T, format string, out func(*outside), with func(*studio, *Options)) *studio {
	t.Helper()
	s := &studio{t: t, data: t.TempDir(), clock: new(clock), reg: prometheus.NewRegistry()}
	s.clock.set(answered)
	o := Options{
		Dir: filepath.Join(s.data, folder), Node: "node-1", Zone: baku, Format: format,
		Log: zap.NewNop(), Metrics: s.reg,
		Events: func(e call.Event) { s.mu.Lock(); s.events = append(s.events, e); s.mu.Unlock() },
		Sealed: func(_ call.ID, r Result) { s.mu.Lock(); s.late = append(s.late, r); s.mu.Unlock() },
	}
	m := machine()
	m.now = s.clock.now
	if out != nil {
		out(&m)
	}
	o.Chain = newChain(t, o.Dir, t.TempDir())
	with(s, &o)
	r, err := newRecorder(o, m)
	if err != nil {
		t.Fatal(err)
	}
	s.Recorder = r
	r.start()
	t.Cleanup(r.Close)
	return s
}

// newChain opens the chain of the recordings in dir, with the key in keys.
func newChain(t *testing.T, dir, keys string) *chain.Chain {
	t.Helper()
	c, done, err := openChain(dir, keys)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := done(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// openChain is newChain for who closes it.
func openChain(dir, keys string) (c *chain.Chain, done func() error, err error) {
	k, err := chain.LoadKey(keys)
	if err != nil {
		return nil, nil, err
	}
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	if c, err = chain.Open(root, k, "node-1"); err != nil {
		return nil, nil, errors.Join(err, root.Close())
	}
	return c, func() error { return errors.Join(c.Close(), root.Close()) }, nil
}

// childChain is the chain of a process that is to be killed.
func childChain(dir string) *chain.Chain {
	c, _, err := openChain(dir, keysBeside(dir))
	fatal(err)
	return c
}

// keysBeside is where such a process has its key.
func keysBeside(dir string) string { return filepath.Join(filepath.Dir(dir), "keys") }

// told are the names of the events so far.
func (s *studio) told() (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		names = append(names, e.Name)
	}
	return names
}

// open begins a call in a codec.
func (s *studio) open(c call.Codec) *talk {
	s.t.Helper()
	g, err := s.Open(Meta{Call: call.NewID(), Line: "919", Arrived: answered.Add(-time.Second), Answered: answered, Codec: c})
	if err != nil {
		s.t.Fatal(err)
	}
	return &talk{Recording: g, s: s, codec: c, base: [2]uint32{0xFFFFF000, 7777}}
}

// file is where the recording is.
func (s *studio) file(g *Recording) string { return filepath.Join(s.data, g.Path()) }

// A talk feeds a recording in the call's own time, much faster than it would pass.
type talk struct {
	*Recording
	s     *studio
	codec call.Codec
	base  [2]uint32
	at    time.Duration
}

// tones lasts d: what the caller says and is sent, in hertz; 0 is no packet at all.
func (k *talk) tones(d time.Duration, said, heard float64) *talk {
	for end := k.at + d; k.at < end; k.at += 20 * time.Millisecond {
		for ch, hz := range []float64{said, heard} {
			if hz != 0 {
				k.frame(call.Channel(ch), hz)
			}
		}
	}
	k.s.clock.set(answered.Add(k.at))
	return k
}

func (k *talk) frame(ch call.Channel, hz float64) {
	n := timeSamples(k.at)
	k.Take(call.Frame{
		Channel: ch, Codec: k.codec, Timestamp: k.base[ch] + uint32(n), At: answered.Add(k.at), Payload: tone(hz, n, k.codec),
	})
}

// seal ends the call now.
func (k *talk) seal() Result {
	k.s.t.Helper()
	res, err := k.Seal(k.s.t.Context(), answered.Add(k.at))
	if err != nil {
		k.s.t.Fatal(err)
	}
	return res
}

// tone is 20 ms of a tone, from sample n of it on.
func tone(hz float64, n int64, c call.Codec) []byte {
	pcm := make([]int16, 160)
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(n+int64(i))/call.ClockRate))
	}
	b := make([]byte, len(pcm))
	media.Encode(b, pcm, c)
	return b
}

// level is how loud a tone is in pcm: 1 is the level that tone makes.
func level(pcm []int16, hz float64) float64 {
	w := 2 * math.Cos(2*math.Pi*hz/call.ClockRate)
	var a, b float64
	for _, s := range pcm {
		a, b = float64(s)+w*a-b, a
	}
	power := a*a + b*b - w*a*b
	return 2 * math.Sqrt(max(0, power)) / float64(len(pcm)) / 8000
}

// rms is the energy of pcm, 1 for a full tone.
func rms(pcm []int16) float64 {
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return math.Sqrt(2*sum/float64(max(1, len(pcm)))) / 8000
}

// between cuts a stretch out of a channel.
func between(pcm []int16, from, to time.Duration) []int16 {
	return pcm[timeSamples(from):timeSamples(to)]
}

// channels reads a file's two channels, with our own eyes.
func channels(t *testing.T, file string) (left, right []int16) {
	t.Helper()
	b := plain(t, file)
	f, _, err := readHead(b)
	if err != nil {
		t.Fatal(err)
	}
	return split(decoded(f, b[f.headSize():]))
}

// decoded are the samples of a file's body, both channels.
func decoded(f format, body []byte) []int16 {
	var pcm []int16
	for ; len(body) >= f.frame(); body = body[f.frame():] {
		switch f.codec {
		case codecPCM16:
			pcm = append(pcm, int16(uint16(body[0])|uint16(body[1])<<8), int16(uint16(body[2])|uint16(body[3])<<8))
		case codecALaw:
			pcm = append(pcm, media.DecodeALaw(body[0]), media.DecodeALaw(body[1]))
		default:
			pcm = append(pcm, media.DecodeMuLaw(body[0]), media.DecodeMuLaw(body[1]))
		}
	}
	return pcm
}

func split(pcm []int16) (left, right []int16) {
	for i := 0; i+1 < len(pcm); i += 2 {
		left, right = append(left, pcm[i]), append(right, pcm[i+1])
	}
	return left, right
}

// players are the foreign programs that must play our files, as commands that give the samples
// as signed 16-bit numbers on standard output.
var players = map[string]func(file string) []string{
	"sox": func(f string) []string {
		return []string{"sox", "-V1", "-t", "wav", f, "-t", "raw", "-e", "signed", "-b", "16", "-"}
	},
	"ffmpeg": func(f string) []string { return []string{"ffmpeg", "-v", "fatal", "-i", f, "-f", "s16le", "-"} },
}

// played is what a foreign player makes of a file.
func played(t *testing.T, player, file string) []int16 {
	t.Helper()
	args := players[player](file)
	if _, err := exec.LookPath(args[0]); err != nil {
		t.Fatalf("%s is missing; this test judges our files with it: apt-get install %s", args[0], args[0])
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s does not play %s: %v", player, filepath.Base(file), err)
	}
	return decoded(format{codec: codecPCM16}, out)
}

// readManifest reads a manifest the way a stranger would.
func readManifest(t *testing.T, wav string) map[string]any {
	t.Helper()
	b, err := os.ReadFile(wav[:len(wav)-len(soundExt)] + manifestExt) // .rec is as long
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]any{}
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	return m
}

// soon waits until ok, for as long as a loaded machine may need.
func soon(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not in 15 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// A gate is a file that can be shut: it then refuses, or hangs.
type gate struct {
	io.WriterAt
	s *gates
}

type gates struct {
	mu   sync.Mutex
	err  error
	hang chan struct{}
}

// shut makes writes fail with err; nil opens again.
func (s *gates) shut(err error) { s.mu.Lock(); s.err = err; s.mu.Unlock() }

// stall makes writes hang until the function it returns is called.
func (s *gates) stall() (resume func()) {
	c := make(chan struct{})
	s.mu.Lock()
	s.hang = c
	s.mu.Unlock()
	return func() {
		s.mu.Lock()
		s.hang = nil
		s.mu.Unlock()
		close(c)
	}
}

func (g gate) WriteAt(b []byte, off int64) (int, error) {
	g.s.mu.Lock()
	err, hang := g.s.err, g.s.hang
	g.s.mu.Unlock()
	if hang != nil {
		<-hang
	}
	if err != nil {
		return 0, err
	}
	return g.WriterAt.WriteAt(b, off)
}

// quietRecorder is a recorder whose goroutines do not run.
func quietRecorder(t testing.TB) *Recorder {
	t.Helper()
	r, err := newRecorder(Options{
		Dir: t.TempDir(), Zone: time.UTC, Format: PCM16, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	}, machine())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.root.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}
