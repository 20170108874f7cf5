package recording

import (
	"sync"
	"time"

	"hotline/call"
	"hotline/media"
)

// A Message takes what a caller says after the tone. It is a call.Sink: its Take is called by the
// media thread, its other methods by whoever conducts the call. It is held in memory, as long as
// it may become, one byte a sample: three minutes are 1.4 MB.
//
// Its time begins when it is made. Frames are placed by their RTP time on it, as a recording's
// are, so what was lost or never sent is silence, and one second of message is one second of call.
type Message struct {
	codec call.Codec
	begin time.Time
	now   func() time.Time

	mu     sync.Mutex // held for a few instructions only: the media thread takes it per frame
	law    []byte     // the sound, coded by codec; silence where nothing came
	levels []uint8    // of each block of it; nothingCame where nothing did
	end    int64      // samples there are, up to len(law)
	axis   axis

	ears sync.Mutex // one listens at a time; taken before mu
	ear  ear        // has heard the blocks that do not change any more
}

var _ call.Sink = (*Message)(nil)

// NewMessage begins a message that may last as long as longest; a negative one is none. codec is
// the one agreed with the caller: frames of the other law fit in too, at a small loss. All memory
// is taken here.
func NewMessage(codec call.Codec, longest time.Duration) *Message {
	return newMessage(codec, longest, time.Now)
}

func newMessage(codec call.Codec, longest time.Duration, now func() time.Time) *Message {
	n := timeSamples(max(0, longest))
	m := &Message{
		codec: codec, begin: now(), now: now,
		law: make([]byte, n), levels: make([]uint8, (n+blockSamples-1)/blockSamples),
	}
	fillByte(m.law, media.Silence(codec))
	fillByte(m.levels, nothingCame)
	return m
}

// Take puts a frame of the caller in its place; others, and what lies behind longest, are left
// out. It allocates nothing and waits for nobody.
func (m *Message) Take(f call.Frame) {
	if f.Channel != call.Said || len(f.Payload) == 0 || len(f.Payload) > maxPayload || f.Codec != call.PCMA && f.Codec != call.PCMU {
		return
	}
	arrival := timeSamples(f.At.Sub(m.begin))
	m.mu.Lock()
	defer m.mu.Unlock()
	pos := m.axis.place(f.Timestamp, arrival)
	to := min(pos+int64(len(f.Payload)), int64(len(m.law)))
	m.end = max(m.end, to)
	from := max(pos, 0)
	if from >= to {
		return
	}
	part := m.law[from:to]
	copy(part, f.Payload[from-pos:])
	media.Transcode(part, f.Codec, m.codec)
	for b := from / blockSamples; b*blockSamples < to; b++ {
		m.levels[b] = levelOf(m.law[b*blockSamples:min((b+1)*blockSamples, int64(len(m.law)))], m.codec)
	}
}

// Length is the time from the begin to the end of the last frame, at most longest.
func (m *Message) Length() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return samplesTime(m.end)
}

// Quiet is how long nobody has been speaking, up to now: since the last speech, or since the
// begin. It goes on while no frames come at all.
func (m *Message) Quiet() time.Duration {
	return max(0, m.now().Sub(m.begin)-blocksTime(m.listen().last))
}

// Spoken is how much speech there is in all, short pauses within it included.
func (m *Message) Spoken() time.Duration { return blocksTime(m.listen().spoken) }

// settles is how late a frame may come, in blocks, and still be listened to: 200 ms. Later ones
// are in the sound all the same.
const settles = 10

// listen hears what is new, and is an ear that has heard all there is.
func (m *Message) listen() ear {
	m.ears.Lock()
	defer m.ears.Unlock()
	for {
		var some [64]uint8
		n := m.look(some[:], m.ear.at, -settles)
		if n == 0 {
			break
		}
		m.ear.hear(some[:n])
	}
	e := m.ear
	var rest [settles + 1]uint8
	e.hear(rest[:m.look(rest[:], e.at, 0)])
	return e
}

// look copies the levels from a block on, up to the last one and so many more.
func (m *Message) look(dst []uint8, from, more int) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	to := int((m.end+blockSamples-1)/blockSamples) + more
	if from >= to {
		return 0
	}
	return copy(dst, m.levels[from:to])
}

// PCM is the message so far, at 8 kHz: from its begin to the end of the last frame, without the
// tone of the key that has ended it, where the telephone sent that as sound. The samples are the
// receiver's own.
func (m *Message) PCM() []int16 {
	m.mu.Lock()
	end := m.end
	m.mu.Unlock()
	pcm := make([]int16, end)
	var law [1024]byte
	for at := int64(0); at < end; { // in pieces, so that the media thread never waits for all of them
		m.mu.Lock()
		n := copy(law[:], m.law[at:end])
		m.mu.Unlock()
		media.Decode(pcm[at:], law[:n], m.codec)
		at += int64(n)
	}
	return withoutKey(pcm)
}
