package media

import (
	"testing"
	"time"
)

// Whoever asks whether the loops turn waits for one that hangs, on either way to the wire, and for
// none that has ended.
func TestTurnWaitsForALoopThatHangs(t *testing.T) {
	for _, name := range []string{bestNetwork().name(), "portable"} {
		e := open(t, Options{Engine: name})
		e.Turn()
		release, hangs, turned := make(chan struct{}), make(chan struct{}), make(chan struct{})
		e.loops[1].post(command{do: func() { close(hangs); <-release }})
		<-hangs
		go func() { e.Turn(); close(turned) }()
		select {
		case <-turned:
			t.Errorf("%s: all loops turn, though one hangs", name)
		case <-time.After(200 * time.Millisecond):
		}
		close(release)
		select {
		case <-turned:
		case <-time.After(10 * time.Second):
			t.Errorf("%s: the loop goes on and is not said to turn", name)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		e.Turn()
	}
}
