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
	begin time.Time

	mu     sync.Mutex // held for a few instructions only: the media thread takes it per frame
	begun  bool
	codec  call.Codec // of the first frame
	law    []byte     // the sound, coded by codec, each byte as its difference from silence
	levels []uint8    // of each block of it; nothingCame where nothing did
	end    int64      // samples there are, up to len(law)
	axis   axis

	ears sync.Mutex // one listens at a time; taken before mu
	ear  ear        // has heard the blocks that do not change any more
}

var _ call.Sink = (*Message)(nil)

// NewMessage begins a message that may last as long as longest; a negative one is none. All memory
// is taken here.
func NewMessage(longest time.Duration) *Message {
	n := timeSamples(max(0, longest))
	m := &Message{begin: time.Now(), law: make([]byte, n), levels: make([]uint8, (n+blockSamples-1)/blockSamples)}
	fillByte(m.law, 0) // the kernel gives a page when it is first written to: not on the media thread's time
	fillByte(m.levels, nothingCame)
	return m
}

// Take puts a frame of the caller in its place; others, and what lies behind longest, are left
// out. Where the law changes, the later frames lose a little. It allocates nothing and waits for
// nobody.
func (m *Message) Take(f call.Frame) {
	if f.Channel != call.Said || len(f.Payload) == 0 || len(f.Payload) > maxPayload || f.Codec != call.PCMA && f.Codec != call.PCMU {
		return
	}
	arrival := timeSamples(f.At.Sub(m.begin))
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.begun {
		m.begun, m.codec = true, f.Codec
	}
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
	m.turn(part)
	var pcm [blockSamples]int16
	for b := from / blockSamples; b*blockSamples < to; b++ {
		m.levels[b] = levelOf(pcm[:m.decode(pcm[:], b*blockSamples)])
	}
}

// turn makes the difference from silence of what the codec says, and the other way round.
func (m *Message) turn(law []byte) {
	hush := media.Silence(m.codec)
	for i := range law {
		law[i] ^= hush
	}
}

// decode makes samples from one on. The lock is held.
func (m *Message) decode(pcm []int16, from int64) int {
	var law [blockSamples]byte
	n := copy(law[:min(len(pcm), blockSamples)], m.law[from:])
	m.turn(law[:n])
	return media.Decode(pcm, law[:n], m.codec)
}

// Length is the time from the begin to the end of the last frame, at most longest.
func (m *Message) Length() time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	return samplesTime(m.end)
}

// Quiet is how long nobody has been speaking, up to now: since the last speech, or since the
// begin. It goes on while no frames come at all.
func (m *Message) Quiet(now time.Time) time.Duration {
	return max(0, now.Sub(m.begin)-blocksTime(m.listen().last))
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

// endQuiet is how much of the silence at its end a message keeps.
const endQuiet = time.Second

// PCM is the message so far, at 8 kHz, from its begin. It ends with the last frame, but without
// the tone of the key that has ended it, where the telephone sent that as sound, and with a second
// at most of silence: of a voice, however soft, nothing is cut off. The samples are the
// receiver's own.
func (m *Message) PCM() []int16 {
	m.mu.Lock()
	end := m.end
	m.mu.Unlock()
	pcm := make([]int16, end)
	for at := int64(0); at < end; { // in pieces, so that the media thread never waits for all of them
		m.mu.Lock()
		for range 8 {
			at += int64(m.decode(pcm[at:], at))
		}
		m.mu.Unlock()
	}
	pcm = withoutKey(pcm)
	loud := len(pcm) // up to here somebody or something can be heard
	for loud > 0 && levelOf(pcm[max(0, loud-blockSamples):loud]) >= faint {
		loud = max(0, loud-blockSamples)
	}
	return pcm[:min(len(pcm), max(loud, m.listen().last*blockSamples)+int(timeSamples(endQuiet)))]
}
