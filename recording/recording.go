package recording

import (
	"os"
	"sync"
	"sync/atomic"
	"time"

	"hotline/call"
)

// beforeNotice is the reason of the first gap of every recording.
const beforeNotice = "before_notice"

// A Recording is the recording of one call. Its methods may be called from any goroutine and
// none of them waits for a disk, except Seal.
type Recording struct {
	r    *Recorder
	meta Meta
	stem string

	mu      sync.Mutex // held for a few instructions only: the media thread takes it per frame
	ring    ring
	writes  [2]bool     // by channel: what comes in is written
	closing bool        // nothing is taken any more
	later   bool        // Seal has given up waiting
	settled bool        // the result stands
	silent  [2]silences // by channel: the stretches in which it was not
	about   manifest    // what is known so far; its gaps are those the disk caused
	changed bool        // since the draft was written
	fault   error       // the first

	file    atomic.Pointer[os.File] // set by the writer, nil until the disk gave one
	dirty   atomic.Bool             // written to since the last sync
	draft   atomic.Pointer[os.File] // the same of the draft
	noted   atomic.Bool             // the draft was written to since the last sync
	suspect atomic.Bool             // a sync has failed
	renewal renewal                 // what is done about it
	spilled atomic.Bool             // all of these files lie in the second directory
	spill   spill                   // how they come there
	outlet  outlet                  // the file, as the writer's window has it

	writer writer // the writer's own
	torn   bool   // some of an encrypted one could not be read when it was spilled; the writer's, then the sealer's
	home   bool   // it has been brought home; the sealer's own

	box   *box                         // nil: it is plain
	cover func([]byte) ([]byte, error) // encrypts what lies beside the sound; nil: that is plain

	ended  time.Time
	done   chan struct{}
	result Result
	err    error
}

func newRecording(r *Recorder, m Meta, stem string) *Recording {
	g := &Recording{r: r, meta: m, stem: stem, done: make(chan struct{}), changed: true}
	f := formatFor(r.o.Format, m.Codec, r.tables)
	g.about = manifest{
		Version: manifestVersion, Call: m.Call, Node: r.o.Node, Line: m.Line, Linked: m.Linked, State: StateOpen,
		Codec: f.codec, Rate: call.ClockRate, Opened: stamp(m.Answered),
		Gaps: []gapLine{}, Parties: []partyLine{},
	}
	g.writes[call.Heard] = true
	g.silent[call.Said].off(0, beforeNotice, "")
	g.writer.window = newWindow(f, g.gaveUp, r.wrote)
	return g
}

// Take copies a frame for the writer. It allocates nothing and waits for nobody. Frames of a channel
// are left out while Voice or Heard is off, and everything after Seal.
func (g *Recording) Take(f call.Frame) {
	if len(f.Payload) == 0 || len(f.Payload) > maxPayload {
		return
	}
	at := f.At.Sub(g.meta.Answered)
	g.mu.Lock()
	if !g.closing && g.writes[f.Channel&1] {
		g.ring.add(f, at, g.r.pool)
	}
	g.mu.Unlock()
}

// Path is where the recording is, relative to the data folder.
func (g *Recording) Path() string { return told(g.stem + g.ext()) }

// Err is the first fault the disk showed with this recording; nil if none did.
func (g *Recording) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.fault
}

// SetLanguage notes the caller's language.
func (g *Recording) SetLanguage(l call.Language) {
	g.note(func() { g.about.Language = l })
}

// SetNotice notes the proof that the caller was told of the recording.
func (g *Recording) SetNotice(n call.Notice) {
	g.note(func() {
		g.about.Notice = &proof{
			Key: n.Key, Language: n.Language, Version: n.Version,
			From: stamp(n.From), To: stamp(n.To), Languages: n.Languages,
		}
	})
}

// Voice writes what the caller says from now on, or stops writing it. At first it is off. While
// it is off the left channel is silence, and the stretch is a gap in the manifest with the
// reason; being turned off again with another reason begins another gap.
func (g *Recording) Voice(on bool, reason string) { g.write(call.Said, on, reason) }

// Heard does the same for what the caller is sent, on the right channel. At first it is on. It is turned
// off while something is told that must be in no file: a number that was keyed, a talk with 112. While it
// is off the file goes on with silence, even if nothing comes on the left either.
func (g *Recording) Heard(on bool, reason string) { g.write(call.Heard, on, reason) }

// paused is the reason of the gaps that Pause makes.
const paused = "paused"

// Pause writes neither channel from now on, at the same sample, until Voice and Heard turn each on again. The
// gaps have the reason "paused" and say why.
func (g *Recording) Pause(why string) {
	at := g.since(g.r.now())
	g.note(func() {
		for _, ch := range []call.Channel{call.Said, call.Heard} {
			g.turn(ch, at, false, paused, why)
		}
	})
}

// Resume ends a Pause at the same sample on both channels; voice says whether what the caller says is
// written from now on, or not for this reason.
func (g *Recording) Resume(voice bool, reason string) {
	at := g.since(g.r.now())
	g.note(func() {
		g.turn(call.Heard, at, true, "", "")
		g.turn(call.Said, at, voice, reason, "")
	})
}

// write turns the writing of a channel on or off. What was taken before is still written, up to this moment of
// the call; a frame that is taken afterwards is not even held in memory.
func (g *Recording) write(ch call.Channel, on bool, reason string) {
	at := g.since(g.r.now())
	g.note(func() { g.turn(ch, at, on, reason, "") })
}

// turn is write at a moment. The lock is held.
func (g *Recording) turn(ch call.Channel, at time.Duration, on bool, reason, why string) {
	g.writes[ch] = on
	if on {
		g.silent[ch].on(at)
	} else {
		g.silent[ch].off(at, reason, why)
	}
}

// A Party is somebody who is to be heard on a channel.
type Party struct {
	Channel string // "left" or "right"
	Role    string // caller, operator, supervisor
	Name    string // the operator's; empty for callers
	From    time.Time
	To      time.Time // zero: until PartyLeft, or the end
}

// Party notes who is on which channel.
func (g *Recording) Party(p Party) {
	g.note(func() {
		g.about.Parties = append(g.about.Parties, partyLine{
			Channel: p.Channel, Role: p.Role, Name: p.Name, From: stamp(p.From), To: stamp(p.To),
		})
	})
}

// PartyLeft notes that the last party with this role and name has left.
func (g *Recording) PartyLeft(role, name string, at time.Time) {
	g.note(func() {
		for i := len(g.about.Parties) - 1; i >= 0; i-- {
			p := &g.about.Parties[i]
			if p.Role == role && p.Name == name && time.Time(p.To).IsZero() {
				p.To = stamp(at)
				return
			}
		}
	})
}

// note changes what is known of the call, if it is not over.
func (g *Recording) note(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closing {
		return
	}
	change()
	g.changed = true
}

// since is a time as the recording counts it, in whole samples.
func (g *Recording) since(t time.Time) time.Duration {
	return max(0, t.Sub(g.meta.Answered).Truncate(time.Second/call.ClockRate))
}

// when is the time of day of a moment of the recording.
func (g *Recording) when(d time.Duration) stamp { return stamp(g.meta.Answered.Add(d)) }

// manifest is all that is known, with the silences among the other gaps. The lock is held.
func (g *Recording) manifest() manifest {
	m := g.about
	m.Gaps = append(make([]gapLine, 0, len(g.about.Gaps)+len(g.silent[call.Said])+len(g.silent[call.Heard])), g.about.Gaps...)
	for _, ch := range []call.Channel{call.Said, call.Heard} {
		for _, s := range g.silent[ch] {
			if s.to == s.from {
				continue
			}
			line := gapLine{Channel: ch.String(), From: g.when(s.from), Reason: s.reason, Why: s.why}
			if s.to != forever {
				line.To = g.when(s.to)
			}
			m.Gaps = append(m.Gaps, line)
		}
	}
	m.Parties = append(make([]partyLine, 0, len(g.about.Parties)), g.about.Parties...)
	m.Faults = append([]string(nil), g.about.Faults...)
	return m
}

// silences are the stretches of a call in which a channel is not written.
type silences []silence

type silence struct {
	from, to time.Duration // forever: still
	reason   string
	why      string // of a pause
}

func (s *silences) off(at time.Duration, reason, why string) {
	if n := len(*s); n > 0 && (*s)[n-1].to == forever {
		if (*s)[n-1].reason == reason && (*s)[n-1].why == why {
			return
		}
		(*s)[n-1].to = max(at, (*s)[n-1].from)
	}
	*s = append(*s, silence{at, forever, reason, why})
}

func (s *silences) on(at time.Duration) {
	if n := len(*s); n > 0 && (*s)[n-1].to == forever {
		(*s)[n-1].to = max(at, (*s)[n-1].from)
	}
}

// stretches appends them in samples to dst.
func (s silences) stretches(dst []stretch) []stretch {
	for _, gap := range s {
		to := int64(forever)
		if gap.to != forever {
			to = timeSamples(gap.to)
		}
		dst = append(dst, stretch{timeSamples(gap.from), to})
	}
	return dst
}
