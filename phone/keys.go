package phone

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
)

// KeyOptions say how a press goes on the wire. The zero value is RFC 4733 as phones do it.
type KeyOptions struct {
	NoEnd   bool // the packets that end the event are lost
	EndOnly bool // only the packets that end it arrive
	Twice   bool // the network doubles every packet of it
	InBand  bool // two tones in the sound instead of events, see PressTone
}

// A press is one key on its way out.
type press struct {
	event   byte
	samples int // how long, in clock ticks
	o       KeyOptions
	begun   bool
	start   uint32 // timestamp of its first packet, in all of them (RFC 4733 §2.2.1)
	elapsed int
	done    chan struct{}
}

const digits = "0123456789*#ABCD"

// PressKey presses 0-9, *, #, A-D for that long and returns when the last packet of it has been
// sent. Presses are sent one after another.
func (m *Media) PressKey(ctx context.Context, digit byte, long time.Duration, o KeyOptions) error {
	event := strings.IndexByte(digits, digit)
	if event < 0 {
		return fmt.Errorf("phone: no such key: %q", digit)
	}
	if o.InBand {
		return m.PressTone(ctx, digit, long, ToneOptions{})
	}
	// The duration field has 16 bits: 8 s.
	p := &press{event: byte(event), samples: min(int(long*clockHz/time.Second), 0xFFFF), o: o, done: make(chan struct{})}
	m.mu.Lock()
	if m.event < 0 || m.over {
		over := m.over
		m.mu.Unlock()
		if over {
			return fmt.Errorf("phone: press key: the call is over")
		}
		return fmt.Errorf("phone: press key: telephone-event was not agreed")
	}
	m.presses = append(m.presses, p)
	m.mu.Unlock()
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("phone: press key: %w", ctx.Err())
	}
}

// PressKeys presses one key after another, 100 ms each with a pause of 60 ms.
func (m *Media) PressKeys(ctx context.Context, keys string) error {
	for i := range len(keys) {
		if err := m.PressKey(ctx, keys[i], 100*time.Millisecond, KeyOptions{}); err != nil {
			return err
		}
		if err := pauseFor(ctx, 60*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

func pauseFor(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pressTick sends one 20 ms step of an event: its growing duration, at last three times with the
// end bit (RFC 4733 §2.5.1). m.mu is held.
func (m *Media) pressTick(p *press, ts uint32) {
	first := !p.begun
	if first {
		p.begun, p.start = true, ts
	}
	p.elapsed = min(p.elapsed+frameLen, p.samples)
	last := p.elapsed >= p.samples
	payload := [4]byte{p.event, 10} // volume: -10 dBm0
	binary.BigEndian.PutUint16(payload[2:], uint16(p.elapsed))
	if !last {
		if !p.o.EndOnly {
			m.send(m.event, p.start, first, payload[:], p.o.Twice)
		}
		return
	}
	if p.o.NoEnd {
		m.send(m.event, p.start, first, payload[:], p.o.Twice)
	} else {
		payload[1] |= 0x80
		for range 3 {
			m.send(m.event, p.start, first, payload[:], p.o.Twice)
			first = false
		}
	}
	m.presses = m.presses[1:]
	close(p.done)
}

// Keys delivers the keys that the peer presses as telephone-events, each once; after 64 that
// nobody took, the rest are lost. It is never closed.
func (m *Media) Keys() <-chan byte { return m.keys }
