package media

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"hotline/call"
)

func TestSilenceFromConnectOn(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l := callUp(t, e, call.RoleCaller, call.PCMA)
		all := p.atLeast(25)
		unbroken(t, all)
		if len(loud(all)) > 0 {
			t.Error("silence was loud")
		}
		if !all[0].Marker || all[1].Marker {
			t.Error("the first packet alone begins a talkspurt")
		}
		if got := l.Stats().PacketsSent; got < 25 {
			t.Errorf("%d packets sent", got)
		}
		// Paced: 24 steps of 20 ms, whatever the scheduler did to single ones.
		if took := all[24].at.Sub(all[0].at); took < 400*time.Millisecond || took > 900*time.Millisecond {
			t.Errorf("25 packets took %v", took)
		}
	})
}

func TestPlayIsWholeAndTimed(t *testing.T) {
	for _, codec := range []call.Codec{call.PCMA, call.PCMU} {
		onEach(t, func(t *testing.T, e *Engine) {
			p, l := callUp(t, e, call.RoleCaller, codec)
			before := time.Now()
			a, b := clip("a", 500, 7), clip("b", 1500, 5)
			a.PCM, a.ALaw, a.MuLaw = a.PCM[:1000], a.ALaw[:1000], a.MuLaw[:1000]
			b.ALaw, b.MuLaw = nil, nil // coded on the way
			played := l.Play(context.Background(), a, nil, b)
			if !played.Whole || played.From.Before(before) || played.To.Sub(played.From) < 150*time.Millisecond {
				t.Errorf("played %+v", played)
			}
			all := p.until("both clips", func(h []heard) bool { return len(loud(h)) >= (1000+5*160+159)/160 })
			unbroken(t, all)
			// Every sample of both, in order, and nothing between.
			want := append(slices.Clone(clip("a", 500, 7).ALaw[:1000]), clip("b", 1500, 5).ALaw...)
			if codec == call.PCMU {
				want = append(slices.Clone(clip("a", 500, 7).MuLaw[:1000]), clip("b", 1500, 5).MuLaw...)
			}
			var got []byte
			for _, h := range loud(all) {
				got = append(got, h.Payload...)
			}
			if len(got) < len(want) || !slices.Equal(got[:len(want)], want) {
				t.Errorf("%d bytes of sound came, not the %d of the clips", len(got), len(want))
			}
		})
	}
}

func TestPlayWaitsForAnAddress(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p := newTelephone(t)
		l := newLeg(t, e, LegOptions{Role: call.RoleCaller})
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if played := l.Play(ctx, clip("a", 500, 2)); played.Whole || !played.From.IsZero() {
			t.Errorf("played to nobody: %+v", played)
		}
		done := make(chan call.Played)
		go func() { done <- l.Play(context.Background(), clip("a", 500, 3)) }()
		l.Connect(p.remote(call.PCMA))
		if played := <-done; !played.Whole {
			t.Errorf("played %+v", played)
		}
		p.until("the clip", func(h []heard) bool { return sounds(h, 500) == 3 })
	})
}

func TestPlayOnHoldIsNotWhole(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l := callUp(t, e, call.RoleCaller, call.PCMA)
		before := p.atLeast(3)
		hold := p.remote(call.PCMA)
		hold.Send = false
		l.Connect(hold)
		if played := l.Play(context.Background(), clip("a", 500, 4)); played.Whole || !played.From.IsZero() {
			t.Errorf("played on hold: %+v", played)
		}
		quiet := p.all()
		l.Connect(p.remote(call.PCMA))
		after := p.atLeast(len(quiet) + 3)
		if sounds(after, 500) > 0 {
			t.Error("sound was sent on hold")
		}
		// The clock went on, the numbers did not.
		i := len(quiet)
		a, b := after[i-1], after[i]
		if b.SequenceNumber != a.SequenceNumber+1 || !b.Marker {
			t.Errorf("after hold: sequence %d after %d, marker %v", b.SequenceNumber, a.SequenceNumber, b.Marker)
		}
		if gap := b.Timestamp - a.Timestamp; gap < 4*160 || gap%160 != 0 {
			t.Errorf("after hold the timestamp went on by %d (%d packets before)", gap, len(before))
		}
		unbroken(t, after[i:])
	})
}

func TestPlayEndsByOthers(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l := callUp(t, e, call.RoleCaller, call.PCMU)
		long := clip("long", 500, 5000)
		for name, end := range map[string]func(cancel func()){
			"context": func(cancel func()) { cancel() },
			"play":    func(func()) { l.Play(context.Background(), clip("b", 900, 1)) },
			"loop":    func(func()) { l.Loop(nil) },
		} {
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan call.Played)
			before := sounds(p.all(), 500)
			go func() { done <- l.Play(ctx, long) }()
			p.until("the clip", func(h []heard) bool { return sounds(h, 500) > before })
			end(cancel)
			if played := <-done; played.Whole || played.From.IsZero() {
				t.Errorf("ended by %s: %+v", name, played)
			}
			cancel()
		}
		done := make(chan call.Played)
		before := sounds(p.all(), 500)
		go func() { done <- l.Play(context.Background(), long) }()
		p.until("the clip", func(h []heard) bool { return sounds(h, 500) > before })
		l.Close()
		if played := <-done; played.Whole {
			t.Error("a closed leg has played a whole clip")
		}
		if played := l.Play(context.Background(), long); played.Whole {
			t.Error("played after the end")
		}
		unbroken(t, p.all())
	})
}

func TestLoopGoesRound(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l := callUp(t, e, call.RoleCaller, call.PCMA)
		music := clip("music", 1000, 2)
		music.PCM, music.ALaw = music.PCM[:200], music.ALaw[:200]
		l.Loop(music)
		all := p.until("music", func(h []heard) bool { return sounds(h, 1000) >= 10 })
		var got []byte
		for _, h := range loud(all) {
			got = append(got, h.Payload...)
		}
		for i, b := range got[:1600] {
			if b != music.ALaw[i%200] {
				t.Fatalf("byte %d of the loop is wrong", i)
			}
		}
		unbroken(t, all)
	})
}

// One stream through everything a call goes through.
func TestOneStreamThroughAll(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		citizen, cl := callUp(t, e, call.RoleCaller, call.PCMA)
		agent, al := callUp(t, e, call.RoleOperator, call.PCMU)
		cl.Play(context.Background(), clip("greeting", 400, 5))
		cl.Loop(clip("music", 600, 5))
		citizen.until("music", func(h []heard) bool { return sounds(h, 600) >= 5 })
		if err := cl.Join(al); err != nil {
			t.Fatal(err)
		}
		var both sync.WaitGroup
		both.Go(func() { agent.speak(call.PCMU, 1100, 30) })
		both.Go(func() { citizen.speak(call.PCMA, 2100, 30) })
		both.Wait()
		cl.Loop(clip("music", 600, 5))
		citizen.until("music again", func(h []heard) bool { return sounds(h, 600) >= 10 })
		cl.Play(context.Background(), clip("bye", 800, 5))
		all := citizen.until("the goodbye", func(h []heard) bool { return sounds(h, 800) >= 5 })
		if n := sounds(all, 1100); n < 27 {
			t.Errorf("the citizen heard %d of the agent's 30 frames", n)
		}
		ears := agent.until("the citizen", func(h []heard) bool { return sounds(h, 2100) >= 27 })
		if n := sounds(ears, 600) + sounds(ears, 1100); n > 0 {
			t.Errorf("the agent heard %d frames meant for the citizen", n)
		}
		for _, h := range all {
			if h.PayloadType != uint8(call.PCMA) {
				t.Fatalf("payload type %d was sent", h.PayloadType)
			}
		}
		unbroken(t, all)
		unbroken(t, ears)
	})
}

func TestCodecChangesInMidStream(t *testing.T) {
	onEach(t, func(t *testing.T, e *Engine) {
		p, l := callUp(t, e, call.RoleCaller, call.PCMA)
		l.Loop(clip("music", 1000, 50))
		p.until("A-law", func(h []heard) bool { return sounds(h, 1000) >= 5 })
		l.Connect(p.remote(call.PCMU))
		all := p.until("µ-law", func(h []heard) bool { return h[len(h)-1].PayloadType == 0 && sounds(h, 1000) >= 12 })
		unbroken(t, all)
	})
}

func TestNobody(t *testing.T) {
	if played := Nobody.Play(context.Background(), clip("a", 500, 1)); played != (call.Played{}) {
		t.Errorf("nobody played %+v", played)
	}
	Nobody.Loop(nil)
	Nobody.Tap(nil)
	if err := Nobody.Join(Nobody); err == nil {
		t.Error("nobody was joined")
	}
	if Nobody.Stats() != (call.AudioStats{}) || Nobody.Keys() != nil {
		t.Error("nobody has said something")
	}
}
