// Package calltest is a leg with no network: for tests of what a call decides, in virtual time.
package calltest

import (
	"context"
	"sync"
	"time"

	"hotline/call"
)

// A Leg is a telephone whose peer is the test. Its sound takes as long as real sound would, on
// the clock of the bubble it runs in (testing/synctest).
type Leg struct {
	info   call.Info
	events chan call.LegEvent
	audio  *Audio

	mu       sync.Mutex
	rang     bool
	early    bool
	answered time.Time
	hungUp   *call.Reason
	ended    bool
	states   []call.RecordState
	wish     string
}

// NewLeg makes a leg that nobody has answered yet.
func NewLeg(info call.Info) *Leg {
	return &Leg{info: info, events: make(chan call.LegEvent, 16), audio: NewAudio()}
}

// Info implements call.Leg.
func (l *Leg) Info() call.Info { return l.info }

// Ring implements call.Leg.
func (l *Leg) Ring() { l.mu.Lock(); l.rang = true; l.mu.Unlock() }

// Progress implements call.Early.
func (l *Leg) Progress(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return call.ErrGone
	}
	l.early = true
	l.audio.connect()
	return nil
}

// Early reports whether our side gave it sound before an answer.
func (l *Leg) Early() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.early }

// Answer implements call.Leg.
func (l *Leg) Answer(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return call.ErrGone
	}
	l.answered = time.Now()
	l.audio.connect()
	return nil
}

// Indicate implements call.Indicator.
func (l *Leg) Indicate(s call.RecordState) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.states); n == 0 || l.states[n-1] != s {
		l.states = append(l.states, s)
	}
}

// Indicated is how the call was recorded, as the peer was told.
func (l *Leg) Indicated() []call.RecordState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]call.RecordState(nil), l.states...)
}

// Preference implements call.Indicator.
func (l *Leg) Preference() string { l.mu.Lock(); defer l.mu.Unlock(); return l.wish }

// Wish makes the peer say what it would like of the recording.
func (l *Leg) Wish(wish string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wish = wish
	if !l.ended {
		l.events <- call.LegEvent{Kind: call.LegPreference, Preference: wish}
	}
}

// Hangup implements call.Leg.
func (l *Leg) Hangup(r call.Reason) {
	l.mu.Lock()
	if l.hungUp == nil && !l.ended {
		l.hungUp = &r
	}
	l.mu.Unlock()
	l.End(call.CauseOurs)
}

// Events implements call.Leg.
func (l *Leg) Events() <-chan call.LegEvent { return l.events }

// Audio implements call.Leg.
func (l *Leg) Audio() call.Audio { return l.audio }

// Sound is the leg's sound with what a test may ask of it.
func (l *Leg) Sound() *Audio { return l.audio }

// End makes the peer leave.
func (l *Leg) End(cause call.Cause) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return
	}
	l.ended = true
	l.audio.close()
	l.events <- call.LegEvent{Kind: call.LegEnded, Cause: cause}
	close(l.events)
}

// Tell makes the peer put us on hold or take us back.
func (l *Leg) Tell(kind call.LegEventKind) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.events <- call.LegEvent{Kind: kind}
	}
}

// Ask makes the peer ask for a transfer.
func (l *Leg) Ask(t *call.Transfer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended {
		l.events <- call.LegEvent{Kind: call.LegTransfer, Transfer: t}
	}
}

// Rang reports whether our side said that it rings.
func (l *Leg) Rang() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.rang }

// Answered is when our side answered; zero if it did not.
func (l *Leg) Answered() time.Time { l.mu.Lock(); defer l.mu.Unlock(); return l.answered }

// HungUp is the reason our side gave, nil if the peer left first or nobody did.
func (l *Leg) HungUp() *call.Reason { l.mu.Lock(); defer l.mu.Unlock(); return l.hungUp }

// Over reports whether the leg has ended.
func (l *Leg) Over() bool { l.mu.Lock(); defer l.mu.Unlock(); return l.ended }
