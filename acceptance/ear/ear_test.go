package ear

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// exact is how near a clip's times must be.
const exact = 20 * time.Millisecond

// paths are the ways that sound may have gone.
var paths = map[string][]Law{
	"A-law":             {ALaw},
	"µ-law":             {MuLaw},
	"A-law, then µ-law": {ALaw, MuLaw},
	"there and back":    {ALaw, MuLaw, ALaw, MuLaw},
}

// Every original, in any order, one directly after the other: no other is heard, and none twice.
func TestEveryClipIsHeardAsItself(t *testing.T) {
	for _, name := range []string{"A-law", "there and back"} {
		t.Run(name, func(t *testing.T) {
			p := newTape(t, seed())
			order := p.dice.Perm(len(p.ear.originals))
			if os.Getenv("HOTLINE_NIGHTLY") == "" { // each run an eighth of them
				order = order[:len(order)/8]
			}
			for _, i := range order {
				p.play(p.ear.originals[i])
			}
			p.coded(paths[name]...)
			start := time.Now()
			for _, h := range p.check(t, exact) {
				if h.Score < 0.98 {
					t.Errorf("%s was played whole", h)
				}
			}
			t.Logf("%v of sound took %v", duration(len(p.pcm)).Round(time.Second), time.Since(start).Round(time.Millisecond))
		})
	}
}

// Calls of any clips, music, tones and speech, of which a hundredth of the packets is lost: all clips
// are heard, to 20 ms, and nothing else.
func TestCallsWithLostPackets(t *testing.T) {
	for name, laws := range paths {
		for _, lost := range []float64{0, 0.01} {
			t.Run(fmt.Sprintf("%s, %g lost", name, lost), func(t *testing.T) {
				p := newTape(t, seed())
				p.journey(40)
				p.coded(laws...)
				p.lose(lost)
				p.check(t, exact)
			})
		}
	}
}

// Clips of one set begin alike: only the whole of each tells them apart.
func TestClipsThatBeginAlike(t *testing.T) {
	p := newTape(t, seed())
	for _, i := range p.dice.Perm(len(p.ear.originals)) {
		if o := p.ear.originals[i]; p.hasTwin(o) {
			p.play(o)
		}
		if len(p.want) == 100 {
			break
		}
	}
	if len(p.want) < 20 {
		t.Fatalf("only %d clips begin like another", len(p.want))
	}
	p.coded(MuLaw)
	p.lose(0.01)
	p.check(t, exact)
}

// begins reports whether a longer clip begins with a shorter one, but for its last 100 ms.
func (p *tape) begins(short, long *original) bool {
	for b := range short.last - 10 {
		if b >= len(long.loud) {
			return false
		}
		if _, ok := short.difference(long.pcm, 0, b); !ok {
			return false
		}
	}
	return short != long
}

// hasTwin reports whether another original is the same for a fifth of a second.
func (p *tape) hasTwin(o *original) bool {
	return slices.ContainsFunc(p.ear.originals, func(other *original) bool {
		if other == o {
			return false
		}
		for b := range o.first + 20 {
			if b >= min(len(o.loud), len(other.loud)) {
				return false
			}
			if _, ok := o.difference(other.pcm, 0, b); !ok {
				return false
			}
		}
		return true
	})
}

// A key cuts clips short anywhere, and the next begins at once or soon. What was long enough is heard
// as cut, the others may be, and nothing is taken for something else.
func TestClipsThatAKeyCutsShort(t *testing.T) {
	for _, lost := range []float64{0, 0.01} {
		t.Run(fmt.Sprintf("%g lost", lost), func(t *testing.T) {
			p := newTape(t, seed())
			for range 100 {
				o := p.random(func(o *original) bool { return true })
				if p.dice.IntN(2) == 0 && len(o.pcm) < 20*rate {
					p.play(o)
					continue
				}
				p.cut(o, packet*(3+p.dice.IntN(len(o.pcm)/packet-3)))
				p.silence(time.Duration(p.dice.IntN(2)) * exact)
			}
			p.coded(ALaw, MuLaw)
			p.lose(lost)
			p.checkCuts(t)
		})
	}
}

func (p *tape) checkCuts(t *testing.T) {
	t.Helper()
	heard := p.ear.Hear(p.pcm)
	for _, w := range p.want {
		from, long := duration(w.from), duration(w.to-w.from)
		i := slices.IndexFunc(heard, func(h Heard) bool { return (h.From - from).Abs() <= exact })
		if i < 0 {
			if !w.cut || long > 600*time.Millisecond { // 60 ms are silence, and the rest may have pauses
				t.Errorf("%s at %v was not heard, %v long, cut: %v", w.name, from, long, w.cut)
			}
			continue
		}
		h := heard[i]
		heard = slices.Delete(heard, i, i+1)
		lateCut := h.Whole() && w.cut && h.To-from-long < 400*time.Millisecond // what is missing has pauses
		if w.cut && p.begins(p.named(h.Names[0].String()), p.named(w.name)) {
			continue // as far as it was heard it is the shorter clip, no ear could tell
		}
		if !h.Is(w.name) || h.Skipped != 0 || h.Cut != w.cut && !lateCut {
			t.Errorf("heard %s, played was %s at %v for %v, cut: %v", h, w.name, from, long, w.cut)
		}
		for _, n := range h.Names {
			if !sameSound(p.named(n.String()), p.named(w.name), samplesIn(h.To-h.From-exact)) {
				t.Errorf("heard %s, but %s is another sound than %s", h, n, w.name)
			}
		}
		if h.Cut && (h.To > from+long+exact || h.Part > float64(w.to-w.from)/float64(w.of)+0.05) {
			t.Errorf("heard %s, played was %s only for %v", h, w.name, long)
		}
	}
	for _, h := range heard {
		t.Errorf("heard %s, which was not played", h)
	}
}

// Things that are no clips, however long: speech, tones, keys, noise, and silence.
func TestWhatIsNoClip(t *testing.T) {
	p := newTape(t, seed())
	for range 40 {
		p.speech()
	}
	for _, hz := range []float64{425, 440, 523, 600, 659, 784, 1000, 1047, 1850} {
		p.tone(hz, 2*time.Second)
	}
	for i := range 5 * rate { // a key that is held, and noise
		at := 2 * math.Pi * float64(i) / rate
		p.pcm = append(p.pcm, int16(8000*(math.Sin(697*at)+math.Sin(1209*at))), int16(2000*p.dice.NormFloat64()))
	}
	for _, o := range p.ear.originals { // what a beep sounds like in its middle, for a second
		if o.names[0].Language == "" && len(o.pcm) < rate {
			p.silence(time.Duration(p.dice.IntN(2)) * time.Second)
			for i := range rate {
				p.pcm = append(p.pcm, o.pcm[o.first*block+200+i%400])
			}
		}
	}
	p.silence(5 * time.Second)
	p.coded(ALaw)
	p.check(t, exact)
}

// What calls are like, case by case.
func TestHear(t *testing.T) {
	const second = rate
	for _, c := range []struct {
		name string
		play func(p *tape)
		want []string // as String tells it, without times
	}{
		{"the same word three times is three words", func(p *tape) {
			for range 3 {
				p.play(p.named("az/digit.7.end"))
			}
		}, []string{"az/digit.7.end", "az/digit.7.end", "az/digit.7.end"}},
		{"music that is interrupted", func(p *tape) {
			p.cut(p.named("music"), 20*second)
			p.play(p.named("az/queue.position.7"))
			p.cut(p.named("music"), 8*second)
		}, []string{"music, cut short", "az/queue.position.7", "music, cut short"}},
		{"music that goes round", func(p *tape) {
			p.play(p.named("music"))
			p.cut(p.named("music"), 5*second)
		}, []string{"music", "music, cut short"}},
		{"a recording that begins in the middle of music", func(p *tape) {
			p.add(p.named("music").pcm[10*second : 20*second])
		}, []string{"music, without its first 10.00s, cut short"}},
		{"a recording that begins in the middle of a clip", func(p *tape) {
			p.add(p.named("ru/open.greeting").pcm[second:])
		}, []string{"ru/open.greeting, without its first"}},
		{"packets that were left out of the recording", func(p *tape) {
			o := p.named("en/notice.recording")
			p.add(slices.Concat(o.pcm[:second], o.pcm[second+packet:2*second], o.pcm[2*second+2*packet:]))
		}, []string{"en/notice.recording"}},
		{"silence that a jitter buffer put in", func(p *tape) {
			o := p.named("en/notice.recording")
			p.add(o.pcm[:second])
			p.silence(60 * time.Millisecond)
			p.add(o.pcm[second:])
		}, []string{"en/notice.recording"}},
		{"a clip whose last syllable the next one cuts off", func(p *tape) {
			o := p.named("en/press.7")
			p.cut(o, (o.last-5)*block)
			p.play(p.named("en/press.8"))
		}, []string{"en/press.7, cut short", "en/press.8"}},
		{"a clip whose last packets are lost", func(p *tape) {
			o := p.named("en/press.7")
			p.add(o.pcm)
			clear(p.pcm[(o.last-5)*block:])
			p.play(p.named("en/press.8"))
		}, []string{"en/press.7", "en/press.8"}},
		{"half a second of nothing in the middle", func(p *tape) {
			o := p.named("en/notice.recording")
			p.add(o.pcm)
			clear(p.pcm[second : second*3/2])
		}, []string{"en/notice.recording"}},
		{"a syllable that may be anything", func(p *tape) { p.cut(p.named("az/open.greeting"), second*15/100) }, nil},
		{"a clip that is three times as loud", func(p *tape) {
			p.add(p.named("az/bye").pcm)
			for i := range p.pcm {
				p.pcm[i] = int16(max(-32768, min(32767, 3*int(p.pcm[i]))))
			}
		}, nil},
		{"nothing at all", func(*tape) {}, nil},
		{"less than a landmark needs", func(p *tape) { p.silence(10 * time.Millisecond) }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newTape(t, 1)
			c.play(p)
			p.coded(ALaw)
			var got []string
			for _, h := range p.ear.Hear(p.pcm) {
				_, what, _ := strings.Cut(strings.TrimSpace(h.String()), " ")
				got = append(got, what)
			}
			if len(got) != len(c.want) {
				t.Fatalf("heard %q, want %q", got, c.want)
			}
			for i := range got {
				if !same(got[i], c.want[i]) {
					t.Errorf("heard %q, want %q", got[i], c.want[i])
				}
			}
		})
	}
}

// same compares what was heard, which may have other names and a score, with what should have been.
func same(got, want string) bool {
	name, rest, _ := strings.Cut(want, ", ")
	first, more, _ := strings.Cut(got, ", ")
	return slices.Contains(strings.Split(first, " = "), name) && strings.HasPrefix(more, rest) && (rest == "") == !strings.Contains(more, "%")
}
