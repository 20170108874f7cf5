package call

import (
	"context"
	"time"
)

// A Codec is the coding of a frame. The value is its static RTP payload type (RFC 3551 §6).
type Codec uint8

// The codecs of G.711. PCMU is the zero value.
const (
	PCMU Codec = 0
	PCMA Codec = 8
)

// ClockRate is the sampling and RTP clock rate of G.711, in Hz.
const ClockRate = 8000

// A Clip is one prompt, decoded and coded once at load. It is shared by all calls and never
// changed; a nil *Clip is silence.
type Clip struct {
	Key      string // "notice.recording"
	Language Language
	Version  string  // short hash of the samples: proves which sound was played
	PCM      []int16 // mono, 8 kHz
	ALaw     []byte
	MuLaw    []byte
}

// Duration is the clip's length.
func (c *Clip) Duration() time.Duration {
	if c == nil {
		return 0
	}
	return time.Duration(len(c.PCM)) * time.Second / ClockRate
}

// A Key is one press on the caller's keypad: 0-9, *, #, A-D. A press that is told on several ways,
// as telephone-event, as INFO, by its tones, is one Key.
type Key struct {
	Digit byte
	At    time.Time
}

// Played says what became of a Play.
type Played struct {
	From  time.Time // when the first packet was sent; zero: none was
	To    time.Time // when the last packet was sent
	Whole bool      // every sample of every clip was sent to an address that is known
}

// Audio is the sound of one leg: what it is sent, what it says. Built by media only.
//
// From Answer to the end a leg is sent one unbroken RTP stream; it carries what the last of
// Play, Loop and Join asked for, and silence where nothing did. All methods may be called from
// any goroutine; after the leg's end they return at once.
type Audio interface {
	// Play sends the clips one after another and returns when the last packet has been sent,
	// or ctx has ended, or the leg has. It replaces a Loop, which does not come back by itself,
	// and parts a Join. A second Play ends the first, whose Whole is then false.
	Play(ctx context.Context, clips ...*Clip) Played

	// Loop sends the clip over and over, beginning at its start, until the next Play, Loop or
	// Join. It does not wait. Loop(nil) is silence.
	Loop(clip *Clip)

	// Keys delivers keys pressed on this leg. The channel is buffered with 32; while it is
	// full, further keys are dropped and counted. It is never closed.
	Keys() <-chan Key

	// Join puts this leg and peer through to each other, both ways, until either is given
	// something else to send or ends. Both must come from the same engine.
	Join(peer Audio) error

	// Tap hands every frame that this leg is sent (Heard) and that is received from it (Said)
	// to sink, until Tap(nil) or the end of the leg. One tap at a time.
	Tap(sink Sink)

	// Stats is a snapshot of the counters.
	Stats() AudioStats
}

// A ToneListener is an Audio that can tell keys by their tones in the sound (ITU-T Q.23), for telephones
// that agreed on no telephone-event. It listens only while it is told to: speech could be taken for keys.
type ToneListener interface {
	// ListenForTones returns at once. The keys come by Keys, each when it has been heard for 30 ms.
	// With telephone-event agreed it does nothing.
	ListenForTones(on bool)
}

// An Overlay is an Audio that can be sent something on top of whatever else it is sent: a beep in a talk.
type Overlay interface {
	// Over mixes the clips, one after another, into what the leg is sent from now on, be that a joined
	// peer or what Play and Loop asked for. It returns at once. What is left of an earlier Over is
	// forgotten.
	Over(clips ...*Clip)
}

// A KeyCatcher is an Audio whose keys can be kept from a joined peer.
type KeyCatcher interface {
	// CatchKeys keeps every key that may be the next of a code, told by telephone-event, from the peer
	// that the leg is joined to. Keys tells them as all others. It lasts until it is called again;
	// the empty code ends it. What was kept and turns out to be no code stays untold to the peer.
	CatchKeys(code string)
}

// A Channel is a side of a leg's sound, and a channel of the stereo recording.
type Channel uint8

// The channels of a recording.
const (
	Said  Channel = 0 // left: what the caller says
	Heard Channel = 1 // right: everything the caller is sent
)

func (c Channel) String() string {
	if c == Said {
		return "left"
	}
	return "right"
}

// A Frame is the payload of one RTP packet of sound. Payload belongs to the engine and is
// valid only during Take.
type Frame struct {
	Channel   Channel
	Codec     Codec
	Timestamp uint32    // RTP timestamp of its stream (for Heard: of the stream we send)
	At        time.Time // when it was received or sent, with a monotonic reading
	Payload   []byte
}

// A Sink takes frames on the media thread. Take must not block, lock for long or allocate.
type Sink interface {
	Take(f Frame)
}

// AudioStats are the counters of one leg since it was made.
type AudioStats struct {
	Codec           Codec // agreed with the peer
	PacketsSent     uint64
	PacketsReceived uint64
	PacketsLost     uint64        // gaps in the received sequence
	Jitter          time.Duration // interarrival jitter (RFC 3550 §6.4.1)
	LastReceived    time.Time     // zero: nothing yet
}
