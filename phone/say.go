package phone

import "math"

// A source makes the samples of one packet and says whether it has none after them.
type source interface {
	fill(pcm []int16) (ended bool)
}

type silence struct{}

func (silence) fill(pcm []int16) bool {
	clear(pcm)
	return false
}

// tones is any number of sines that go on without a jump from packet to packet.
type tones struct {
	step  []float64 // radians a sample
	phase []float64
	level float64
}

func newTones(level float64, hz []float64) *tones {
	t := &tones{level: level / float64(max(1, len(hz))) * math.MaxInt16, phase: make([]float64, len(hz))}
	for _, f := range hz {
		t.step = append(t.step, 2*math.Pi*f/clockHz)
	}
	return t
}

func (t *tones) fill(pcm []int16) bool {
	for i := range pcm {
		v := 0.0
		for k := range t.step {
			v += math.Sin(t.phase[k])
			t.phase[k] = math.Mod(t.phase[k]+t.step[k], 2*math.Pi)
		}
		pcm[i] = int16(v * t.level)
	}
	return false
}

// clip is a recording that is said once.
type clip struct {
	pcm  []int16
	at   int
	done chan struct{}
	over bool
}

func (c *clip) fill(pcm []int16) bool {
	n := copy(pcm, c.pcm[c.at:])
	clear(pcm[n:])
	c.at += n
	return c.at == len(c.pcm)
}

// echo says again what was heard some packets ago.
type echo struct {
	ring [][]int16
	at   int
}

func (e *echo) fill(pcm []int16) bool {
	n := copy(pcm, e.ring[e.at])
	clear(pcm[n:])
	e.ring[e.at] = nil
	e.at = (e.at + 1) % len(e.ring)
	return false
}

// heard keeps a packet for half a round from now.
func (e *echo) heard(pcm []int16) { e.ring[(e.at+len(e.ring)-1)%len(e.ring)] = pcm }

// say changes the source; a clip that is not at its end is told. m.mu is held.
func (m *Media) say(s source) {
	if c, ok := m.source.(*clip); ok && !c.over {
		c.over = true
		close(c.done)
	}
	m.source = s
}

// Say speaks sines of these frequencies (Hz) at once, until told to speak something else. Level
// is the peak of their sum, 0 to 1 of full scale; 0.3 is a good voice.
func (m *Media) Say(level float64, hz ...float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.say(newTones(level, hz))
}

// Silence speaks silence: packets go on.
func (m *Media) Silence() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.say(silence{})
}

// SayClip speaks samples at 8 kHz once, then silence. The channel is closed when the last packet
// has been sent, or something else is spoken instead.
func (m *Media) SayClip(pcm []int16) <-chan struct{} {
	c := &clip{pcm: pcm, done: make(chan struct{})}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.over {
		close(c.done)
		c.over = true
		return c.done
	}
	m.say(c)
	return c.done
}

// Echo speaks what is heard, that many packets of 20 ms later; fewer than 1 counts as 1.
func (m *Media) Echo(packets int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.say(&echo{ring: make([][]int16, max(1, packets))})
}

// Tune renders notes (Hz; 0 is a rest) of the same length in milliseconds as samples for SayClip,
// each with a short rise and fall so that it does not click.
func Tune(level float64, noteMillis int, hz ...float64) []int16 {
	n := noteMillis * clockHz / 1000
	var pcm []int16
	for _, f := range hz {
		note := make([]int16, n)
		newTones(level, []float64{f}).fill(note)
		const edge = clockHz / 100
		for i := range min(edge, n/2) {
			g := float64(i) / edge
			note[i] = int16(float64(note[i]) * g)
			note[n-1-i] = int16(float64(note[n-1-i]) * g)
		}
		pcm = append(pcm, note...)
	}
	return pcm
}
