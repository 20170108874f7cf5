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
	open    [2]bool // by channel: what comes is written
	shut    [2]hushed
	closing bool     // nothing is taken any more
	later   bool     // Seal has given up waiting
	settled bool     // the result stands
	about   manifest // what is known so far; its gaps are those the disk caused
	changed bool     // since the draft was written
	fault   error    // the first

	file    atomic.Pointer[os.File] // set by the writer, nil until the disk gave one
	dirty   atomic.Bool             // written to since the last sync
	suspect atomic.Bool             // a sync has failed

	writer writer // the writer's own

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
	g.open[call.Heard] = true
	g.shut[call.Said].off(0, beforeNotice)
	g.writer.window = newWindow(f, g.gaveUp, r.wrote)
	return g
}

// Take copies a frame for the writer. It allocates nothing and waits for nobody. What the caller
// says is left out while Voice is off, what the caller is sent while Heard is, and everything
// after Seal.
func (g *Recording) Take(f call.Frame) {
	if len(f.Payload) == 0 || len(f.Payload) > maxPayload {
		return
	}
	at := f.At.Sub(g.meta.Answered)
	g.mu.Lock()
	if !g.closing && g.open[f.Channel&1] {
		g.ring.add(f, at, g.r.pool)
	}
	g.mu.Unlock()
}

// Path is where the recording is, relative to the data folder.
func (g *Recording) Path() string { return told(g.stem + soundExt) }

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
func (g *Recording) Voice(on bool, reason string) { g.turn(call.Said, on, reason) }

// Heard writes what the caller is sent from now on, or stops writing it: digits that are read
// back are nobody else's business, nor is a call to the emergency service. At first it is on.
// While it is off the right channel is silence, and the stretch is a gap in the manifest with
// the reason; being turned off again with another reason begins another gap.
func (g *Recording) Heard(on bool, reason string) { g.turn(call.Heard, on, reason) }

// turn turns the writing of a channel on or off. What was taken before is still written, up to
// this moment of the call; a frame that is taken afterwards is not even held in memory.
func (g *Recording) turn(ch call.Channel, on bool, reason string) {
	at := g.since(g.r.now())
	g.note(func() {
		g.open[ch] = on
		if on {
			g.shut[ch].on(at)
		} else {
			g.shut[ch].off(at, reason)
		}
	})
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

// manifest is all that is known, with what was left out among the other gaps. The lock is held.
func (g *Recording) manifest() manifest {
	m := g.about
	m.Gaps = append(make([]gapLine, 0, len(g.about.Gaps)+len(g.shut[0])+len(g.shut[1])), g.about.Gaps...)
	for ch, shut := range g.shut {
		for _, s := range shut {
			if s.to == s.from {
				continue
			}
			line := gapLine{Channel: call.Channel(ch).String(), From: g.when(s.from), Reason: s.reason}
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
