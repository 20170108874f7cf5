package recording

import (
	"math"
	"sync"
	"time"

	"hotline/call"
	"hotline/media"
)

// A Message takes what a caller says after the tone.
type Message struct {
	mu      sync.Mutex
	pcm     []int16
	begun   bool
	first   uint32
	spoken  int
	lastAt  time.Time
	voiceAt time.Time
}

// NewMessage makes a message of at most longest; its memory is taken at once.
func NewMessage(longest time.Duration) *Message {
	return &Message{pcm: make([]int16, 0, int(longest.Seconds()*call.ClockRate)), voiceAt: time.Now()}
}

// speechLevel is what counts as speech, as the mean of a frame's absolute samples.
const speechLevel = 200

// Take implements call.Sink.
func (m *Message) Take(f call.Frame) {
	if f.Channel != call.Said {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.begun {
		m.begun, m.first = true, f.Timestamp
	}
	at := int(int32(f.Timestamp - m.first))
	if at < 0 || at+len(f.Payload) > cap(m.pcm) {
		return
	}
	for len(m.pcm) < at+len(f.Payload) {
		m.pcm = append(m.pcm, 0)
	}
	sum := 0.0
	for i, b := range f.Payload {
		v := media.DecodeMuLaw(b)
		if f.Codec == call.PCMA {
			v = media.DecodeALaw(b)
		}
		m.pcm[at+i] = v
		sum += math.Abs(float64(v))
	}
	m.lastAt = f.At
	if len(f.Payload) > 0 && sum/float64(len(f.Payload)) > speechLevel {
		m.spoken += len(f.Payload)
		m.voiceAt = f.At
	}
}

// Length is how long it is.
func (m *Message) Length() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return samples(len(m.pcm))
}

// Spoken is how much of it is speech.
func (m *Message) Spoken() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return samples(m.spoken)
}

// Quiet is how long there has been no speech.
func (m *Message) Quiet(now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return now.Sub(m.voiceAt)
}

// PCM is what was said.
func (m *Message) PCM() []int16 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]int16(nil), m.pcm...)
}

func samples(n int) time.Duration { return time.Duration(n) * time.Second / call.ClockRate }

// Tee hands frames to several sinks.
func Tee(sinks ...call.Sink) call.Sink { return tee(sinks) }

type tee []call.Sink

func (t tee) Take(f call.Frame) {
	for _, s := range t {
		s.Take(f)
	}
}

// Heard is not written yet.
func (g *Recording) Heard(on bool, reason string) {}
