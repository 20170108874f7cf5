package recording

import (
	"bytes"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotline/call"
	"hotline/media"
)

// A tape is a message that is fed faster than its time passes.
type tape struct {
	*Message
	now   time.Time
	ts    uint32
	codec call.Codec
}

func newTape(c call.Codec, longest time.Duration) *tape {
	p := &tape{Message: NewMessage(longest), ts: 0xFFFFFE00, codec: c}
	p.now = p.begin
	return p
}

// quiet is how long it is quiet by the tape's own time.
func (p *tape) quiet() time.Duration { return p.Quiet(p.now) }

// say feeds pcm in packets of 20 ms, except those that lost names.
func (p *tape) say(pcm []int16, lost func(packet int) bool) {
	for i := 0; i*160 < len(pcm); i++ {
		if lost == nil || !lost(i) {
			b := make([]byte, min(160, len(pcm)-i*160))
			media.Encode(b, pcm[i*160:], p.codec)
			p.Take(call.Frame{Channel: call.Said, Codec: p.codec, Timestamp: p.ts, At: p.now, Payload: b})
		}
		p.ts += 160
		p.now = p.now.Add(20 * time.Millisecond)
	}
}

// nothing is that long without a packet.
func (p *tape) nothing(d time.Duration) {
	p.say(make([]int16, timeSamples(d)), func(int) bool { return true })
}

// clip is a prompt of ours: speech, 8 kHz.
func clip(t *testing.T, name string) []int16 {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("../prompts/clips", name+".wav"))
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(b, []byte("data"))
	if i < 0 || b[20] != 6 {
		t.Fatalf("%s is no longer A-law", name)
	}
	pcm := make([]int16, len(b)-i-8)
	media.Decode(pcm, b[i+8:], call.PCMA)
	return pcm
}

// at is pcm made louder or softer, to a level in dBov of its whole.
func at(pcm []int16, dBov float64) []int16 {
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	by := math.Pow(10, dBov/20) * 32768 / math.Sqrt(sum/float64(len(pcm)))
	out := make([]int16, len(pcm))
	for i, s := range pcm {
		out[i] = int16(max(-32767, min(32767, float64(s)*by)))
	}
	return out
}

// noise is white noise of a level in dBov.
func noise(d time.Duration, dBov float64) []int16 {
	dice := rand.New(rand.NewPCG(1, 2))
	out := make([]int16, timeSamples(d))
	for i := range out {
		out[i] = int16(dice.NormFloat64() * math.Pow(10, dBov/20) * 32768)
	}
	return out
}

// mix is both at once, as long as a.
func mix(a, b []int16) []int16 {
	out := slices.Clone(a)
	for i := range out {
		out[i] += b[i%len(b)]
	}
	return out
}

// sine is a tone whose amplitude is that of tone.
func sine(d time.Duration, hz float64) []int16 {
	out := make([]int16, timeSamples(d))
	for i := range out {
		out[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/call.ClockRate))
	}
	return out
}

// TestAMessageIsWhatWasSaid, at its place, in both laws, whatever the law of a frame is.
func TestAMessageIsWhatWasSaid(t *testing.T) {
	for _, c := range []call.Codec{call.PCMA, call.PCMU} {
		p := newTape(c, time.Minute)
		p.nothing(200 * time.Millisecond)
		p.say(sine(time.Second, 500), nil)
		p.nothing(400 * time.Millisecond)
		p.codec = call.PCMA + call.PCMU - c
		p.say(sine(time.Second, 700), func(i int) bool { return i == 10 })
		p.Take(call.Frame{Channel: call.Heard, Codec: c, At: p.now, Payload: make([]byte, 160)})
		p.Take(call.Frame{Channel: call.Said, Codec: call.Codec(101), At: p.now, Payload: make([]byte, 160)})
		p.Take(call.Frame{Channel: call.Said, Codec: c, At: p.now})
		pcm := p.PCM()
		ms := time.Millisecond
		if p.Length() != 2600*ms || len(pcm) != 2600*8 {
			t.Fatalf("codec %d: the message lasts %v and has %d samples", c, p.Length(), len(pcm))
		}
		quiet(t, "before", between(pcm, 0, 200*ms))
		quiet(t, "between", between(pcm, 1200*ms, 1600*ms))
		quiet(t, "the lost packet", between(pcm, 1800*ms, 1820*ms))
		if level(between(pcm, 200*ms, 1200*ms), 500) < 0.97 || level(between(pcm, 1820*ms, 2600*ms), 700) < 0.97 {
			t.Errorf("codec %d: what was said is not in its place", c)
		}
	}
}

// TestAnyNetworkMakesASheetOfPaper: whatever is lost, doubled and comes late or out of order, the
// message is a sheet on which each packet stands at its place, never longer than it may be.
func TestAnyNetworkMakesASheetOfPaper(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		longest := time.Duration(rapid.IntRange(0, 3000).Draw(t, "longest")) * time.Millisecond
		p := newTape(call.PCMA, longest)
		base := rapid.Uint32().Draw(t, "base")
		sheet := make([]byte, timeSamples(longest)) // as differences from silence
		end := 0
		type sent struct {
			i, late int
			b       byte
		}
		var way []sent
		for i := range rapid.IntRange(1, 200).Draw(t, "packets") {
			for range rapid.SampledFrom([]int{0, 1, 1, 1, 1, 1, 1, 2}).Draw(t, "copies") {
				late := rapid.IntRange(0, 9).Draw(t, "late")
				if i%8 == 0 {
					late = 0 // where every packet of a second is late, the way has become longer
				}
				way = append(way, sent{i, late, byte(rapid.IntRange(0, 255).Draw(t, "sound"))})
			}
		}
		if len(way) == 0 {
			return
		}
		way[0].late = 0 // the first is believed
		slices.SortStableFunc(way, func(a, b sent) int { return a.i + a.late - b.i - b.late })
		for _, s := range way {
			payload := bytes.Repeat([]byte{s.b ^ media.Silence(call.PCMA)}, 160)
			p.Take(call.Frame{
				Codec: call.PCMA, Timestamp: base + uint32(s.i*160), Payload: payload,
				At: p.begin.Add(time.Duration(s.i+s.late) * 20 * time.Millisecond),
			})
			if from := s.i * 160; from < len(sheet) {
				copy(sheet[from:], bytes.Repeat([]byte{s.b}, 160))
			}
			end = min(max(end, s.i*160+160), len(sheet))
		}
		if p.Length() != samplesTime(int64(end)) {
			t.Fatalf("the message lasts %v, %d samples were said", p.Length(), end)
		}
		if !bytes.Equal(p.law, sheet) {
			t.Fatalf("a sample is not in its place")
		}
		for i, l := range p.levels {
			var pcm [160]int16
			if n := p.decode(pcm[:], int64(i*160)); l != nothingCame && l != levelOf(pcm[:n]) {
				t.Fatalf("block %d is heard at another level than it has", i)
			}
		}
	})
}

// FuzzMessage: frames of any kind at any time never panic and never make more than may be.
func FuzzMessage(f *testing.F) {
	f.Add(int64(0), int64(20e6), uint32(0), uint32(160), uint8(8), []byte{1, 2, 3})
	f.Add(int64(-1<<60), int64(1<<60), uint32(1<<31), uint32(0), uint8(0), make([]byte, maxPayload))
	f.Add(int64(1<<62), int64(-1<<62), uint32(1<<31-1), uint32(1<<31), uint8(9), make([]byte, maxPayload+1))
	f.Fuzz(func(t *testing.T, at, then int64, ts, later uint32, kind uint8, payload []byte) {
		p := newTape(call.PCMU, time.Second)
		for range 20 {
			p.now = p.begin.Add(time.Duration(at))
			p.Take(call.Frame{Channel: call.Channel(kind >> 7), Codec: call.Codec(kind & 0x7F), Timestamp: ts, At: p.now, Payload: payload})
			at, ts = at+then, ts+later
		}
		if n := p.Length(); n < 0 || n > time.Second || p.Spoken() > time.Second || p.quiet() < 0 || len(p.PCM()) > 8000 {
			t.Fatalf("the message lasts %v, with %v of speech and %v of quiet, and has %d samples", n, p.Spoken(), p.quiet(), len(p.PCM()))
		}
	})
}

// TestAMessageEndsAtItsLongest, and one of no length takes nothing.
func TestAMessageEndsAtItsLongest(t *testing.T) {
	p := newTape(call.PCMA, 990*time.Millisecond)
	p.say(sine(3*time.Second, 500), nil)
	if pcm := p.PCM(); p.Length() != 990*time.Millisecond || len(pcm) != 7920 || level(pcm, 500) < 0.97 {
		t.Errorf("the message lasts %v and has %d samples", p.Length(), len(pcm))
	}
	for _, d := range []time.Duration{0, -time.Second} {
		p := newTape(call.PCMA, d)
		p.say(sine(time.Second, 500), nil)
		if p.Length() != 0 || len(p.PCM()) != 0 || p.Spoken() != 0 {
			t.Errorf("a message of %v lasts %v", d, p.Length())
		}
	}
}

// TestAMessageAllocatesNothing while it is taken.
func TestAMessageAllocatesNothing(t *testing.T) {
	m := NewMessage(10 * time.Second)
	f := call.Frame{Channel: call.Said, Codec: call.PCMU, Payload: make([]byte, 160)}
	begin := time.Now()
	if n := testing.AllocsPerRun(1000, func() {
		f.Timestamp += 160
		f.At = begin.Add(samplesTime(int64(f.Timestamp)))
		m.Take(f)
	}); n != 0 {
		t.Errorf("a frame allocates %v times", n)
	}
	if m.Length() != 10*time.Second {
		t.Errorf("it never became full: %v", m.Length())
	}
}

// TestWhoSpeaksIsHeard: speech is speech, loud and soft, on a clean line and on a bad one; the
// quiet behind it is as long as it is, whatever the line does instead of speaking.
func TestWhoSpeaksIsHeard(t *testing.T) {
	speech := slices.Concat(clip(t, "az/callback.offer"), clip(t, "az/bye"))
	whole := samplesTime(int64(len(speech)))
	silent := 8 * time.Second
	for _, c := range []struct {
		name   string
		voice  float64 // dBov
		before []int16
		behind []int16 // nil: no packets
		under  []int16
		lost   func(int) bool
	}{
		{"clean", -22, nil, make([]int16, timeSamples(silent)), nil, nil},
		{"clean and loud", -12, nil, make([]int16, timeSamples(silent)), nil, nil},
		{"soft", -36, nil, make([]int16, timeSamples(silent)), nil, nil},
		{"noise of -50", -26, noise(time.Second, -50), noise(silent, -50), noise(time.Second, -50), nil},
		{"soft in noise of -60", -36, noise(time.Second, -60), noise(silent, -60), noise(time.Second, -60), nil},
		{"a car, noise of -40", -22, noise(time.Second, -40), noise(silent, -40), noise(time.Second, -40), nil},
		{"no packets while nobody speaks", -22, nil, nil, nil, nil},
		{"every tenth packet lost", -22, nil, make([]int16, timeSamples(silent)), nil, func(i int) bool { return i%10 == 3 }},
	} {
		p := newTape(call.PCMA, time.Minute)
		p.say(c.before, nil)
		voice := at(speech, c.voice)
		if c.under != nil {
			voice = mix(voice, c.under)
		}
		p.say(voice, c.lost)
		during := p.quiet()
		if c.behind == nil {
			p.nothing(silent)
		} else {
			p.say(c.behind, c.lost)
		}
		spoken, since := p.Spoken(), p.quiet()
		t.Logf("%s: of %v of a prompt %v is speech; quiet %v, then %v", c.name, whole, spoken, during, since)
		if spoken < whole/2 || spoken > whole {
			t.Errorf("%s: of %v of a prompt %v is speech", c.name, whole, spoken)
		}
		if during > time.Second {
			t.Errorf("%s: while somebody speaks, it is quiet for %v", c.name, during)
		}
		if since < silent-500*time.Millisecond || since > silent+time.Second {
			t.Errorf("%s: %v behind the speech it is quiet for %v", c.name, silent, since)
		}
	}
}

// TestWhoSaysNothingIsNotHeard: no noise of a line is speech, nor are clicks.
func TestWhoSaysNothingIsNotHeard(t *testing.T) {
	clicks := make([]int16, timeSamples(10*time.Second))
	for i := 0; i < len(clicks); i += 4000 {
		for j := range 200 {
			clicks[i+j] = int16(20000 * (1 - j%2*2))
		}
	}
	blinking := noise(10*time.Second, -50) // comfort noise that comes and goes
	for i := range blinking {
		if i/8000%2 == 0 {
			blinking[i] = 0
		}
	}
	for name, pcm := range map[string][]int16{
		"noise of -50": noise(10*time.Second, -50), "noise of -38": noise(10*time.Second, -38), "nothing": make([]int16, 80000),
		"clicks": clicks, "comfort noise": blinking,
	} {
		for _, loss := range []int{1 << 30, 7} {
			p := newTape(call.PCMU, time.Minute)
			p.say(pcm, func(i int) bool { return i%loss == loss-1 })
			if p.Spoken() != 0 || p.quiet() != 10*time.Second {
				t.Errorf("%s: %v is speech, quiet for %v", name, p.Spoken(), p.quiet())
			}
		}
	}
	p := newTape(call.PCMU, time.Minute)
	p.nothing(7 * time.Second)
	if p.quiet() != 7*time.Second || p.Length() != 0 {
		t.Errorf("a caller who sends nothing at all is quiet for %v in a message of %v", p.quiet(), p.Length())
	}
}

// TestANoiseThatBeginsIsQuietSoon: a fan that is turned on in the middle is taken for speech until
// its steadiness shows.
func TestANoiseThatBeginsIsQuietSoon(t *testing.T) {
	p := newTape(call.PCMA, time.Minute)
	p.say(noise(4*time.Second, -65), nil)
	p.say(noise(10*time.Second, -38), nil)
	if got := p.quiet(); got < 6*time.Second {
		t.Errorf("ten seconds of a fan are quiet for %v", got)
	}
}

// TestListeningOftenHearsTheSame as listening once.
func TestListeningOftenHearsTheSame(t *testing.T) {
	speech := clip(t, "ru/callback.offer")
	once, often := newTape(call.PCMA, time.Minute), newTape(call.PCMA, time.Minute)
	once.say(speech, nil)
	for i := 0; i < len(speech); i += 800 {
		often.say(speech[i:min(i+800, len(speech))], nil)
		often.quiet()
		often.Spoken()
	}
	if once.Spoken() != often.Spoken() || once.listen().last != often.listen().last {
		t.Errorf("listening once hears %v of speech, often %v", once.Spoken(), often.Spoken())
	}
}

// TestTheKeyThatEndsAMessageIsNotInIt, whichever it is; what was said is, to its end.
func TestTheKeyThatEndsAMessageIsNotInIt(t *testing.T) {
	speech := at(clip(t, "az/callback.offer"), -20)
	for _, keyed := range []time.Duration{50 * time.Millisecond, 100 * time.Millisecond, 800 * time.Millisecond} {
		for _, behind := range []time.Duration{0, 35 * time.Millisecond, 200 * time.Millisecond} {
			for low := range 4 {
				for high := 4; high < 8; high++ {
					key := mix(sine(keyed, keyTones[low]), sine(keyed, keyTones[high]))
					all := slices.Concat(speech, key, noise(behind, -60))
					got := len(withoutKey(all))
					if lost := len(speech) - got; lost < -80 || lost > 320 {
						t.Errorf("%v of the key of %v and %v Hz, %v before the end: %v of the message are cut off, of the key %d samples are left",
							keyed, keyTones[low], keyTones[high], behind, samplesTime(int64(len(all)-got)), -lost)
					}
				}
			}
		}
	}
}

// TestSpeechIsNoKey: of no prompt of ours is anything cut off, wherever it ends.
func TestSpeechIsNoKey(t *testing.T) {
	for _, name := range []string{"az/callback.offer", "ru/callback.offer", "en/callback.offer", "az/bye"} {
		pcm := clip(t, name)
		cut := 0
		for n := 0; n <= len(pcm); n += 400 {
			if len(withoutKey(pcm[:n])) != n {
				cut++
			}
		}
		if cut > len(pcm)/400/100 {
			t.Errorf("%s: of %d ends, %d are taken for a key", name, len(pcm)/400, cut)
		}
	}
	for _, pcm := range [][]int16{nil, make([]int16, 1), make([]int16, 160), sine(time.Second, 770), sine(time.Second, 1336)} {
		if len(withoutKey(pcm)) != len(pcm) {
			t.Errorf("of %d samples that are no key, something is cut off", len(pcm))
		}
	}
}

// TestSilenceAtTheEndIsCut, down to a second; no voice is, however soft, and no noise that could
// hide one.
func TestSilenceAtTheEndIsCut(t *testing.T) {
	speech := clip(t, "az/bye")
	for name, c := range map[string]struct {
		behind []int16
		left   time.Duration
	}{
		"silence": {make([]int16, 80000), time.Second}, "noise of -60": {noise(10*time.Second, -60), time.Second},
		"noise of -40": {noise(10*time.Second, -40), 10 * time.Second}, "half a second": {make([]int16, 4000), 500 * time.Millisecond},
		"a murmur": {slices.Concat(make([]int16, 40000), at(sine(20*time.Millisecond, 300), -44), make([]int16, 40000)), 6 * time.Second},
	} {
		p := newTape(call.PCMA, time.Minute)
		p.say(speech, nil)
		p.say(c.behind, nil)
		got := samplesTime(int64(len(p.PCM()) - len(speech)))
		if got > c.left+40*time.Millisecond || got < c.left-300*time.Millisecond { // the clip itself ends softly
			t.Errorf("%s: behind the speech %v are left, not %v", name, got, c.left)
		}
	}
}

// TestTee: both hear each frame; who is not there is not asked.
func TestTee(t *testing.T) {
	r := quietRecorder(t)
	g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
	if err != nil {
		t.Fatal(err)
	}
	g.Voice(true, "")
	p, none := newTape(call.PCMA, time.Second), (*Recording)(nil)
	f := call.Frame{Channel: call.Said, Codec: call.PCMA, At: p.begin, Payload: tone(500, 0, call.PCMA)}
	sink := Tee(none, g, nil, p)
	sink.Take(f)
	if g.ring.head == nil || p.Length() != 20*time.Millisecond {
		t.Error("one of two did not hear the frame")
	}
	if Tee() != nil || Tee(nil, none) != nil {
		t.Error("a tee for nobody is somebody")
	}
	if Tee(none, p) != call.Sink(p) {
		t.Error("a tee for one is not that one")
	}
	if n := testing.AllocsPerRun(5, func() { sink.Take(f) }); n != 0 {
		t.Errorf("a frame allocates %v times", n)
	}
}
