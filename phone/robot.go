package phone

import (
	"context"
	"time"
)

const (
	robotDelay = time.Second // how long it lets the phone ring
	robotEcho  = 25          // packets: half a second, long enough to be told from side tone
	robotTerm  = 5 * time.Minute
)

// robotTune is what the robot says first, an arpeggio nobody takes for a prompt or a dial tone.
var robotTune = [...]float64{523, 659, 784, 1047}

// Robot is an operator made of tin. It registers, lets every call ring for a second, answers,
// plays four notes, and then echoes what it hears half a second later, until the peer hangs up.
// It returns when ctx ends, having taken back its registration; an error means that it never
// got registered.
func Robot(ctx context.Context, o Options) error {
	p, err := StartRobot(ctx, o)
	if err != nil {
		return err
	}
	<-ctx.Done()
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	p.Unregister(bye) // a server that is gone already needs no telling
	return p.Close()
}

// StartRobot is Robot in the background: it returns once the phone is registered, or at once
// where Options.Server is empty. The caller closes the phone.
func StartRobot(ctx context.Context, o Options) (*Phone, error) {
	p, err := New(o)
	if err != nil {
		return nil, err
	}
	p.start(func() { p.robot() })
	if o.Server != "" {
		if err := p.Register(ctx, robotTerm); err != nil {
			p.Close()
			return nil, err
		}
	}
	return p, nil
}

func (p *Phone) robot() {
	for {
		select {
		case <-p.ctx.Done():
			return
		case c := <-p.incoming:
			p.start(func() { c.robot() })
		}
	}
}

func (c *Call) robot() {
	ring := time.NewTimer(robotDelay)
	defer ring.Stop()
	select {
	case <-c.done:
		return
	case <-ring.C:
	}
	if c.Answer() != nil {
		return
	}
	select {
	case <-c.media.SayClip(Tune(0.3, 200, robotTune[:]...)):
		c.media.Echo(robotEcho)
	case <-c.done:
	}
	<-c.done
}
