package ear

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// clips are the originals that ship, read once for all tests.
var clips = sync.OnceValues(func() (*Ear, error) { return Load("../../prompts/clips") })

func shipped(t testing.TB) *Ear {
	t.Helper()
	e, err := clips()
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A tape is what a telephone may have heard, and what is on it.
type tape struct {
	ear  *Ear
	dice *rand.Rand
	pcm  []int16
	want []wanted
}

// A wanted is a clip on a tape.
type wanted struct {
	name     string
	from, to int  // samples
	of       int  // how many the clip has
	cut      bool // ends early
}

func newTape(t testing.TB, seed uint64) *tape {
	t.Helper()
	t.Logf("seed %d", seed)
	return &tape{ear: shipped(t), dice: rand.New(rand.NewPCG(seed, 0))}
}

// seed is another one every time, and printed by newTape.
func seed() uint64 { return uint64(time.Now().UnixNano()) }

func (p *tape) add(pcm []int16) { p.pcm = append(p.pcm, pcm...) }

// play adds a whole clip.
func (p *tape) play(o *original) { p.cut(o, len(o.pcm)) }

// cut adds the first n samples of a clip.
func (p *tape) cut(o *original, n int) {
	from := len(p.pcm)
	p.add(o.pcm[:n])
	p.want = append(p.want, wanted{o.names[0].String(), from, len(p.pcm), len(o.pcm), n < len(o.pcm)})
}

func (p *tape) silence(d time.Duration) { p.pcm = append(p.pcm, make([]int16, samplesOf(d))...) }

func samplesOf(d time.Duration) int { return int(d * rate / time.Second) }

// tone is what our test telephones say.
func (p *tape) tone(hz float64, d time.Duration) {
	for i := range samplesOf(d) {
		p.pcm = append(p.pcm, int16(0.3*32767*math.Sin(2*math.Pi*hz*float64(i)/rate)))
	}
}

// speech is somebody else's voice: one of the clips, but faster, slower or backwards.
func (p *tape) speech() {
	o := p.random(func(o *original) bool { return len(o.pcm) < 10*rate })
	pcm := slices.Clone(o.pcm)
	if p.dice.IntN(2) == 0 {
		slices.Reverse(pcm)
		p.add(pcm)
		return
	}
	speed := []float64{0.94, 0.97, 1.03, 1.06}[p.dice.IntN(4)]
	for i := 0; int(float64(i)*speed)+1 < len(pcm); i++ {
		at := float64(i) * speed
		k := int(at)
		part := at - float64(k)
		p.pcm = append(p.pcm, int16((1-part)*float64(pcm[k])+part*float64(pcm[k+1])))
	}
}

// named is the original of that name.
func (p *tape) named(name string) *original {
	for _, o := range p.ear.originals {
		for _, n := range o.names {
			if n.String() == name {
				return o
			}
		}
	}
	panic("no original is called " + name)
}

// journey adds what a call may sound like: n clips and more, with silence, music, tones and speech
// between, and words that are said more than once.
func (p *tape) journey(n int) {
	for len(p.want) < n {
		switch p.dice.IntN(8) {
		case 0:
			p.silence(time.Duration(p.dice.IntN(3000)) * time.Millisecond)
		case 1:
			p.tone([]float64{440, 600, 1000, 1850}[p.dice.IntN(4)], time.Second)
		case 2:
			p.speech()
		case 3:
			o := p.random(func(o *original) bool { return len(o.pcm) < rate })
			for range 2 + p.dice.IntN(2) {
				p.play(o)
			}
		default:
			p.play(p.random(func(o *original) bool { return len(o.pcm) < 20*rate }))
		}
	}
}

// random is any original of which is holds.
func (p *tape) random(is func(*original) bool) *original {
	for {
		if o := p.ear.originals[p.dice.IntN(len(p.ear.originals))]; is(o) {
			return o
		}
	}
}

// coded is the tape after G.711.
func (p *tape) coded(laws ...Law) {
	for _, l := range laws {
		table := nearest[l]()
		for i, v := range p.pcm {
			p.pcm[i] = table[int(v)+32768]
		}
	}
}

// nearest is what becomes of each sample, coded and decoded: the nearest one that the law has.
var nearest = map[Law]func() []int16{
	ALaw:  sync.OnceValue(func() []int16 { return nearestOf(alawPCM) }),
	MuLaw: sync.OnceValue(func() []int16 { return nearestOf(ulawPCM) }),
}

func nearestOf(table [256]int16) []int16 {
	levels := slices.Clone(table[:])
	slices.Sort(levels)
	out := make([]int16, 65536)
	k := 0
	for i := range out {
		v := i - 32768
		for k+1 < len(levels) && int(levels[k+1])-v <= v-int(levels[k]) {
			k++
		}
		out[i] = levels[k]
	}
	return out
}

// sameSound reports whether the difference between the first n samples of two originals is 27 dB below
// them.
func sameSound(a, b *original, n int) bool {
	var left, energy int64
	for i := range min(len(a.pcm), len(b.pcm), n) {
		d := int64(a.pcm[i]) - int64(b.pcm[i])
		left += d * d
		energy += int64(a.pcm[i]) * int64(a.pcm[i])
	}
	return 500*left <= energy
}

const packet = rate / 50

// lose takes away that share of the packets; what is heard instead is silence or the packet before.
func (p *tape) lose(share float64) {
	for at := 0; at+packet <= len(p.pcm); at += packet {
		if p.dice.Float64() >= share {
			continue
		}
		if at > 0 && p.dice.IntN(2) == 0 {
			copy(p.pcm[at:at+packet], p.pcm[at-packet:at])
		} else {
			clear(p.pcm[at : at+packet])
		}
	}
}

// check compares what the ear hears with what is on the tape, to the given time.
func (p *tape) check(t *testing.T, near time.Duration) (heard []Heard) {
	t.Helper()
	heard = p.ear.Hear(p.pcm)
	if problem := p.compare(heard, near); problem != "" {
		t.Error(problem)
		for _, h := range heard {
			t.Log("heard ", h)
		}
		for _, w := range p.want {
			t.Logf("played %7.2fs-%.2fs %s, cut: %v", duration(w.from).Seconds(), duration(w.to).Seconds(), w.name, w.cut)
		}
	}
	return heard
}

func (p *tape) compare(heard []Heard, near time.Duration) string {
	for i, w := range p.want {
		if i >= len(heard) {
			return fmt.Sprintf("%s was not heard", w.name)
		}
		h := heard[i]
		switch from, to := (h.From - duration(w.from)).Abs(), (h.To - duration(w.to)).Abs(); {
		case !h.Is(w.name):
			return fmt.Sprintf("heard %s, played was %s", h, w.name)
		case h.Cut != w.cut || h.Skipped != 0:
			return fmt.Sprintf("heard %s, played was %s, cut: %v", h, w.name, w.cut)
		case from > near, to > near && !w.cut:
			return fmt.Sprintf("heard %s, off by %v and %v", h, from, to)
		}
		for _, n := range h.Names {
			if !w.cut && !sameSound(p.named(n.String()), p.named(w.name), w.of) {
				return fmt.Sprintf("heard %s, of which only %s was played", h, w.name)
			}
		}
	}
	if len(heard) > len(p.want) {
		return fmt.Sprintf("heard %s, which was not played", heard[len(p.want)])
	}
	return ""
}
