package recording

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/media"
)

// A voice is a shipped clip, as somebody who speaks.
func voice(t *testing.T, key string) []int16 {
	t.Helper()
	b, err := os.ReadFile("../prompts/clips/" + key + ".wav")
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(b), "data")
	var pcm []int16
	for _, x := range b[at+8:] {
		pcm = append(pcm, media.DecodeALaw(x))
	}
	return pcm
}

// noise is a line on which nobody speaks, at a level in dBov.
func noise(d time.Duration, dBov float64) []int16 {
	r := rand.New(rand.NewPCG(1, 2))
	pcm := make([]int16, timeSamples(d))
	for i := range pcm {
		pcm[i] = int16(r.NormFloat64() * 32768 * math.Pow(10, dBov/20))
	}
	return pcm
}

// say sends samples to a message in frames of 20 ms, as the bubble's clock goes. drop loses a frame, and
// what it returns for the order is added to the timestamps.
func say(m *Message, from time.Time, at int, pcm []int16, lose func(frame int) bool) int {
	for i := 0; i+160 <= len(pcm); i += 160 {
		time.Sleep(20 * time.Millisecond)
		if lose != nil && lose(i/160) {
			at += 160
			continue
		}
		b := make([]byte, 160)
		for j, v := range pcm[i : i+160] {
			b[j] = media.EncodeALaw(v)
		}
		m.Take(call.Frame{Channel: call.Said, Codec: call.PCMA, Timestamp: 7000 + uint32(at), At: time.Now(), Payload: b})
		at += 160
	}
	return at
}

func TestAMessageKnowsWhenItIsOver(t *testing.T) {
	for _, level := range []float64{-90, -65, -50} { // the line's noise
		synctest.Test(t, func(t *testing.T) {
			m := NewMessage(3 * time.Minute)
			began := time.Now()
			speech := slices.Concat(voice(t, "az/notice.recording"), voice(t, "ru/notice.recording"))
			at := say(m, began, 0, noise(2*time.Second, level), nil)
			if m.Spoken() > 100*time.Millisecond || m.Quiet(time.Now()) < 1900*time.Millisecond {
				t.Errorf("at %v dBov: %v of speech before anybody spoke, quiet for %v", level, m.Spoken(), m.Quiet(time.Now()))
			}
			at = say(m, began, at, speech, nil)
			long := time.Duration(len(speech)) * time.Second / call.ClockRate
			if spoken := m.Spoken(); spoken < long/2 || spoken > long+time.Second {
				t.Errorf("at %v dBov: %v of %v were speech", level, spoken, long)
			}
			if q := m.Quiet(time.Now()); q > 500*time.Millisecond {
				t.Errorf("at %v dBov: quiet for %v while somebody spoke", level, q)
			}
			say(m, began, at, noise(10*time.Second, level), nil)
			if q := m.Quiet(time.Now()); q < 9900*time.Millisecond || q > 10500*time.Millisecond {
				t.Errorf("at %v dBov: quiet for %v after ten seconds", level, q)
			}
			if got := time.Duration(len(m.PCM())) * time.Second / call.ClockRate; got > 2*time.Second+long+1500*time.Millisecond {
				t.Errorf("%v are kept: the silence at the end is not cut", got)
			}
		})
	}
}

// A telephone that sends nothing while nobody speaks is quiet as well.
func TestNoPacketsAreQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMessage(time.Minute)
		say(m, time.Now(), 0, voice(t, "en/notice.recording"), nil)
		time.Sleep(9 * time.Second)
		if q := m.Quiet(time.Now()); q < 9*time.Second || q > 9500*time.Millisecond {
			t.Errorf("quiet for %v", q)
		}
	})
}

// Whatever comes, a message is never longer than it may be, and each sample stands where it was said.
func TestAMessageTakesWhateverComes(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 3))
		m := NewMessage(2 * time.Second)
		want := make([]int16, 16000)
		base := time.Now()
		frames := r.Perm(120) // some behind the end
		if r.IntN(2) == 0 {
			slices.Sort(frames)
		}
		frames = append([]int{0}, frames...)
		for _, f := range frames {
			if f != 0 && r.IntN(20) == 0 {
				continue
			}
			n := 1 + r.IntN(160)
			b := make([]byte, n)
			for i := range b {
				b[i] = byte(r.IntN(256))
			}
			m.Take(call.Frame{Channel: call.Said, Codec: call.PCMA, Timestamp: uint32(seed*1e7) + uint32(f*160), At: base, Payload: b})
			for i, x := range b {
				if at := f*160 + i; at < len(want) {
					want[at] = media.DecodeALaw(x)
				}
			}
			m.Take(call.Frame{Channel: call.Heard, Codec: call.PCMA, Timestamp: uint32(f), At: base, Payload: b})
			m.Take(call.Frame{Channel: call.Said, Codec: call.Codec(9), Timestamp: uint32(f), At: base, Payload: b})
		}
		if m.Length() > 2*time.Second {
			t.Fatalf("seed %d: %v long", seed, m.Length())
		}
		got := m.pcm
		if !slices.Equal(got, want) {
			t.Fatalf("seed %d: a sample is not where it was said", seed)
		}
	}
}

func TestTakeOfAMessageAllocatesNothing(t *testing.T) {
	m := NewMessage(time.Minute)
	f := call.Frame{Channel: call.Said, Codec: call.PCMU, At: time.Now(), Payload: make([]byte, 160)}
	both := Tee(m, m)
	if n := testing.AllocsPerRun(1000, func() { f.Timestamp += 160; both.Take(f) }); n > 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func keeper(t *testing.T, data string) *Messages {
	t.Helper()
	zone, err := time.LoadLocation("Asia/Baku")
	if err != nil {
		t.Fatal(err)
	}
	s, err := OpenMessages(data, zone, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func aMessage() call.Message {
	return call.Message{
		ID: call.NewID(), Call: call.NewID(), Line: "919", From: "+000123456789", Language: "az", Kind: call.MatterComplaint, Confidential: true,
		Length: 2 * time.Second, At: time.Date(2026, 3, 1, 20, 30, 0, 0, time.UTC),
	}
}

func TestMessagesAreKept(t *testing.T) {
	data := t.TempDir()
	s := keeper(t, data)
	pcm := voice(t, "en/notice.recording")
	kept, err := s.Keep(t.Context(), aMessage(), pcm)
	if err != nil {
		t.Fatal(err)
	}
	if want := "messages/2026/03/02/" + string(kept.ID) + ".wav"; kept.Path != want {
		t.Errorf("the path is %s, not %s: the day is that in Baku", kept.Path, want)
	}
	file := filepath.Join(data, kept.Path)
	for player := range players {
		if got := played(t, player, file); !slices.Equal(got, pcm) {
			t.Errorf("%s hears something else", player)
		}
	}
	for _, p := range []string{file, filepath.Join(data, "messages/new", string(kept.ID)+".json")} {
		if info, err := os.Stat(p); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", p, info.Mode(), err)
		}
	}
	again := keeper(t, data) // as after a restart
	list, err := again.Untold(t.Context())
	if err != nil || len(list) != 1 || list[0] != kept {
		t.Fatalf("untold are %+v, %v; want %+v", list, err, kept)
	}
	for range 2 {
		if err := again.Told(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := keeper(t, data).Untold(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("untold are still %+v, %v", list, err)
	}
	if b, err := again.Sound(kept.Path); err != nil || int(binary.LittleEndian.Uint32(b[40:])) != 2*len(pcm) {
		t.Errorf("the sound: %d bytes, %v", len(b), err)
	}
	if _, err := again.Sound("messages/../hotline.db"); err == nil {
		t.Error("a path leads out of the folder")
	}
}

func TestAMessageIsTakenBack(t *testing.T) {
	data := t.TempDir()
	s := keeper(t, data)
	kept, err := s.Keep(t.Context(), aMessage(), make([]int16, 100))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Discard(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	if list, err := s.Untold(t.Context()); err != nil || len(list) != 0 {
		t.Errorf("untold are %+v, %v", list, err)
	}
	if _, err := os.Stat(filepath.Join(data, kept.Path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its sound: %v", err)
	}
	told, err := s.Keep(t.Context(), aMessage(), make([]int16, 100))
	if err != nil || s.Told(t.Context(), told) != nil {
		t.Fatal(err)
	}
	if err := s.Discard(t.Context(), told); err == nil {
		t.Error("what a case was made of is taken back")
	}
	if _, err := os.Stat(filepath.Join(data, told.Path)); err != nil {
		t.Errorf("the sound of a case: %v", err)
	}
}

func TestDamagedMessagesStopNobody(t *testing.T) {
	data := t.TempDir()
	s := keeper(t, data)
	kept, err := s.Keep(t.Context(), aMessage(), make([]int16, 100))
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{"a.json": "{", string(call.NewID()) + ".json": `{"id":"x"}`, "b.json.tmp": "", "c.txt": ""} {
		if err := os.WriteFile(filepath.Join(data, "messages/new", name), []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := s.Untold(t.Context()); err != nil || len(list) != 1 || list[0].ID != kept.ID {
		t.Errorf("untold are %+v, %v", list, err)
	}
}

// A disk that fails at any step, or hangs, is told; what it was given is there whole or not at all.
func TestADiskThatDoesNotTakeAMessage(t *testing.T) {
	for step := range 2 { // the sound, the words about it
		data := t.TempDir()
		s := keeper(t, data)
		n := 0
		s.sync = func(*os.File) error {
			if n++; n > step {
				return errors.New("input/output error")
			}
			return nil
		}
		if _, err := s.Keep(t.Context(), aMessage(), make([]int16, 100)); err == nil {
			t.Errorf("step %d: no error", step)
		}
		if list, err := s.Untold(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("step %d: untold are %+v, %v", step, list, err)
		}
	}
	hangs := make(chan struct{})
	s := keeper(t, t.TempDir())
	s.sync = func(*os.File) error { <-hangs; return nil }
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Keep(ctx, aMessage(), make([]int16, 100)); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a disk that hangs: %v", err)
	}
	close(hangs)
}

// TestHeardIsSilentWhileOff: what is told meanwhile is in no file, to the sample, and the manifest says so.
func TestHeardIsSilentWhileOff(t *testing.T) {
	for _, format := range []string{PCM16, G711} {
		for _, killed := range []bool{false, true} {
			s := newStudio(t, format, nil)
			k := s.open(call.PCMA)
			k.tones(time.Second, 300, 500)
			k.Heard(false, "secret")
			k.tones(time.Second, 300, 700)
			k.Heard(true, "")
			k.tones(time.Second, 300, 900)
			if killed {
				s.Close()
				if _, err := Repair(t.Context(), s.o.Dir, func(id call.ID) Meta { return Meta{Call: id, Answered: answered} }); err != nil {
					t.Fatal(err)
				}
			} else {
				k.seal()
			}
			file := s.file(k.Recording)
			_, right := channels(t, file)
			for i, hz := range []float64{500, 0, 900} {
				pcm := between(right, time.Duration(i)*time.Second, time.Duration(i+1)*time.Second)
				if hz == 0 && slices.ContainsFunc(pcm, func(s int16) bool { return s > 8 || s < -8 }) {
					t.Errorf("%s, killed %v: the secret is on the right, energy %.3f", format, killed, rms(pcm))
				} else if hz != 0 && level(pcm, hz) < 0.95 {
					t.Errorf("%s, killed %v: the tone of %v Hz has level %.3f", format, killed, hz, level(pcm, hz))
				}
			}
			b, err := os.ReadFile(strings.TrimSuffix(file, soundExt) + manifestExt)
			want := `{"channel":"right","from":"2026-03-01T20:05:01.123Z","to":"2026-03-01T20:05:02.123Z","reason":"secret"}`
			if err != nil || !strings.Contains(string(b), want) {
				t.Errorf("%s, killed %v: the manifest is %s, %v", format, killed, b, err)
			}
			if faults, err := Verify(s.o.Dir, nil, nil); err != nil || len(faults) > 0 {
				t.Errorf("%s, killed %v: verify finds %v, %v", format, killed, faults, err)
			}
		}
	}
}
