package calltest

import (
	"context"
	"sync"
	"time"

	"hotline/call"
)

// A Sent is one clip the leg was sent.
type Sent struct {
	Key      string
	Language call.Language
	At       time.Time
	Loop     bool
	Whole    bool
}

// Audio is the sound of a Leg: it remembers what it was sent.
type Audio struct {
	keys      chan call.Key
	connected chan struct{}
	gone      chan struct{}

	mu        sync.Mutex
	once      sync.Once
	goneOne   sync.Once
	sent      []Sent
	over      []Sent
	code      string
	peer      *Audio
	tap       call.Sink
	listening bool
	cut       chan struct{} // closed by whatever replaces the running Play
}

// NewAudio makes the sound of a leg that is not answered yet.
func NewAudio() *Audio {
	return &Audio{
		keys: make(chan call.Key, 32), connected: make(chan struct{}),
		gone: make(chan struct{}), cut: make(chan struct{}),
	}
}

func (a *Audio) connect() { a.once.Do(func() { close(a.connected) }) }

func (a *Audio) close() {
	a.goneOne.Do(func() { close(a.gone) })
	a.replace(nil)
}

// replace ends what is being sent and makes peer the new partner.
func (a *Audio) replace(peer *Audio) (cut chan struct{}) {
	a.mu.Lock()
	old := a.peer
	a.peer = peer
	close(a.cut)
	a.cut = make(chan struct{})
	cut = a.cut
	a.mu.Unlock()
	if old != nil && old != peer {
		old.part(a)
	}
	return cut
}

func (a *Audio) part(from *Audio) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.peer == from {
		a.peer = nil
	}
}

// Play implements call.Audio: it takes as long as the clips do.
func (a *Audio) Play(ctx context.Context, clips ...*call.Clip) call.Played {
	cut := a.replace(nil)
	select {
	case <-a.connected:
	case <-ctx.Done():
		return call.Played{}
	case <-a.gone:
		return call.Played{}
	}
	p := call.Played{From: time.Now()}
	for _, c := range clips {
		i := a.note(c, false)
		timer := time.NewTimer(c.Duration())
		select {
		case <-timer.C:
			a.mu.Lock()
			a.sent[i].Whole = true
			a.mu.Unlock()
			p.To = time.Now()
			continue
		case <-ctx.Done():
		case <-cut:
		case <-a.gone:
		}
		timer.Stop()
		p.To = time.Now()
		return p
	}
	p.Whole = true
	return p
}

// Loop implements call.Audio.
func (a *Audio) Loop(clip *call.Clip) {
	a.replace(nil)
	a.note(clip, true)
}

func (a *Audio) note(c *call.Clip, loop bool) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := Sent{At: time.Now(), Loop: loop}
	if c != nil {
		s.Key, s.Language = c.Key, c.Language
	}
	a.sent = append(a.sent, s)
	return len(a.sent) - 1
}

// Over implements call.Overlay.
func (a *Audio) Over(clips ...*call.Clip) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, c := range clips {
		a.over = append(a.over, Sent{Key: c.Key, Language: c.Language, At: time.Now()})
	}
}

// Overlaid is everything that was laid over what the leg was sent, in order.
func (a *Audio) Overlaid() []Sent {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Sent(nil), a.over...)
}

// CatchKeys implements call.KeyCatcher.
func (a *Audio) CatchKeys(code string) { a.mu.Lock(); a.code = code; a.mu.Unlock() }

// Catching is the code whose keys are kept from a peer; empty: none.
func (a *Audio) Catching() string { a.mu.Lock(); defer a.mu.Unlock(); return a.code }

// Keys implements call.Audio.
func (a *Audio) Keys() <-chan call.Key { return a.keys }

// Press is the peer pressing a key.
func (a *Audio) Press(digit byte) {
	select {
	case a.keys <- call.Key{Digit: digit, At: time.Now()}:
	default:
	}
}

// ListenForTones implements call.ToneListener.
func (a *Audio) ListenForTones(on bool) { a.mu.Lock(); a.listening = on; a.mu.Unlock() }

// Listening says whether it is listened to for keys in the sound.
func (a *Audio) Listening() bool { a.mu.Lock(); defer a.mu.Unlock(); return a.listening }

// PressTone is a peer that agreed on no telephone-event pressing a key: nothing where nobody listens.
func (a *Audio) PressTone(digit byte) {
	if a.Listening() {
		a.Press(digit)
	}
}

// Join implements call.Audio.
func (a *Audio) Join(peer call.Audio) error {
	p, ok := peer.(*Audio)
	if !ok {
		return call.ErrGone
	}
	a.replace(p)
	p.replace(a)
	return nil
}

// JoinedTo is the sound this one is put through to, or nil.
func (a *Audio) JoinedTo() *Audio { a.mu.Lock(); defer a.mu.Unlock(); return a.peer }

// Tap implements call.Audio.
func (a *Audio) Tap(s call.Sink) { a.mu.Lock(); a.tap = s; a.mu.Unlock() }

// Stats implements call.Audio.
func (a *Audio) Stats() call.AudioStats { return call.AudioStats{} }

// Sent is everything the leg was sent, in order.
func (a *Audio) Sent() []Sent {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Sent(nil), a.sent...)
}

// Say is the peer saying something: the frame goes to whoever taps the sound.
func (a *Audio) Say(f call.Frame) {
	a.mu.Lock()
	tap := a.tap
	a.mu.Unlock()
	if tap != nil {
		tap.Take(f)
	}
}
