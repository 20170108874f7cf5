package recording

import (
	"math"
	"sync"
	"time"

	"hotline/call"
	"hotline/media"
)

// A Message takes what a caller says after the tone: it is a call.Sink for the caller's side. Its memory is
// taken at once, so the media thread allocates nothing and waits for nobody. What no packet brought is
// silence; what comes out of order finds its place.
type Message struct {
	mu     sync.Mutex
	pcm    []int16
	length int    // samples, up to the end of the latest frame
	begun  bool   // a frame has come
	first  uint32 // its timestamp
	from   time.Time
	floor  float64 // mean square of the quietest frame so far, slowly forgotten: the noise of the line
	spoken int     // samples of speech
	voice  int     // where the last speech ended
}

// NewMessage begins a message of at most longest.
func NewMessage(longest time.Duration) *Message {
	return &Message{pcm: make([]int16, int(longest.Seconds()*call.ClockRate)), from: time.Now(), floor: math.Inf(1)}
}

// What is speech: a frame whose mean square lies this far above the quietest there were, and above any
// line's noise (-48 dBov).
const (
	speechOver  = 10.0 // 10 dB
	speechLeast = 32768 * 32768 * 1.6e-5
	floorRise   = 1.0005 // a frame: a line that becomes noisier is learnt in a minute
)

// Take implements call.Sink.
func (m *Message) Take(f call.Frame) {
	if f.Channel != call.Said || len(f.Payload) == 0 || len(f.Payload) > maxPayload || f.Codec != call.PCMA && f.Codec != call.PCMU {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.begun {
		m.begun, m.first = true, f.Timestamp-uint32(max(0, timeSamples(f.At.Sub(m.from))))
	}
	at := int(int32(f.Timestamp - m.first))
	if at < 0 || at > len(m.pcm) {
		return
	}
	decode := media.DecodeALaw
	if f.Codec == call.PCMU {
		decode = media.DecodeMuLaw
	}
	n, energy := min(len(f.Payload), len(m.pcm)-at), 0.0
	for i, b := range f.Payload[:n] {
		v := decode(b)
		m.pcm[at+i] = v
		energy += float64(v) * float64(v)
	}
	m.length = max(m.length, at+n)
	m.judge(at, n, energy/float64(max(1, n)))
}

// judge says whether a frame is speech.
func (m *Message) judge(at, n int, power float64) {
	if power > speechLeast && power > m.floor*speechOver || power > speechLeast*100 {
		m.spoken += n
		m.voice = max(m.voice, at+n)
	}
	m.floor = min(m.floor*floorRise, max(power, 1))
}

// Length is how long it is so far.
func (m *Message) Length() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return samplesTime(int64(m.length))
}

// Spoken is how much of it is speech.
func (m *Message) Spoken() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return samplesTime(int64(m.spoken))
}

// Quiet is how long there has been no speech up to now: also while a telephone sends nothing because
// nobody speaks.
func (m *Message) Quiet(now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(0, now.Sub(m.from)-samplesTime(int64(m.voice)))
}

// PCM is what was said, at 8 kHz, without the silence at its end but for a second.
func (m *Message) PCM() []int16 {
	m.mu.Lock()
	defer m.mu.Unlock()
	end := min(m.length, m.voice+call.ClockRate)
	return append([]int16(nil), m.pcm[:end]...)
}

// Tee hands each frame to several sinks: a leg has one tap.
func Tee(sinks ...call.Sink) call.Sink { return tee(sinks) }

type tee []call.Sink

// Take implements call.Sink.
func (t tee) Take(f call.Frame) {
	for _, s := range t {
		s.Take(f)
	}
}
