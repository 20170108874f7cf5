package line

import (
	"context"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/ivr"
)

// journey leads the caller through the menus, to an operator or to whatever else was asked for, until
// the call is over.
func (l *Line) journey(v *visit) {
	l.menus(v)
	w := v.walk
	start := v.start()
	w.Begin(start.Menu, start.Person)
	if v.urgent {
		w.ToPerson()
	}
	for over := false; !over; {
		n := w.Next(v.ctx)
		if w.Answered {
			v.served = true
		}
		if n == nil {
			if v.ctx.Err() == nil { // no checked file has such a way
				v.log.Error("the menus lead nowhere", zap.String("menu", start.Menu))
				v.outcome, v.endedBy = call.Failed, call.ByUs
			}
			return
		}
		if over = l.visitNode(v, w, n); !over && v.alarmed {
			over = l.emergency(v)
		}
	}
}

// start is where the caller begins at this hour.
func (v *visit) start() Start {
	if v.night {
		return v.line.Closed
	}
	return v.line.Open
}

// visitNode does what a node is for. It is true when the call is over.
func (l *Line) visitNode(v *visit, w *ivr.Walk, n *ivr.Node) (over bool) {
	switch n.Kind {
	case ivr.Queue:
		v.served = false // what counts from here on is the operator
		l.attend(v, n.Target)
		return true
	case ivr.Emergency:
		return l.emergency(v)
	case ivr.Transfer:
		return l.putThrough(v, w, n)
	case ivr.Callback:
		return l.later(v, w, n)
	case ivr.Message:
		l.leave(v, w, n)
	case ivr.Status:
		l.status(v, w)
	case ivr.Survey:
		l.survey(v, n.Target)
		w.On()
	case ivr.Incident:
		l.incident(v)
		w.On()
	case ivr.Language:
		return l.language(v, false) || l.again(w)
	case ivr.End:
		v.ending()
		return true
	default:
		v.log.Error("a menu of no kind", zap.String("menu", n.Name))
		w.On()
	}
	return v.ctx.Err() != nil || v.outcome != ""
}

// again goes on from the node that has done its work.
func (l *Line) again(w *ivr.Walk) (over bool) {
	w.On()
	return false
}

// ending is the end of the menus: we hang up.
func (v *visit) ending() {
	v.endedBy = call.ByUs
	switch {
	case v.served:
		v.outcome = call.Served
	case v.night:
		v.outcome = call.Closed
	default:
		v.outcome = call.Abandoned
	}
}

// newWalk makes the caller's way through the menus. Keys that a telephone sends only as tones in its sound
// are listened for while there are menus.
func (l *Line) newWalk(v *visit) *ivr.Walk {
	return &ivr.Walk{
		Menus: v.line.Menus, Audio: v.leg.Audio(), Prompts: l.o.Prompts, Emergency: v.settings.Emergency.Key, Now: l.o.Now,
		Arrived: func(n *ivr.Node) {
			l.event(v, "menu.entered", "menu", n.Name)
			l.metrics.menus.WithLabelValues(v.line.Number, n.Name).Inc()
		},
	}
}

// listenForTones lets keys be told by their tones, or no longer.
func (v *visit) listenForTones(on bool) {
	if t, ok := v.leg.Audio().(call.ToneListener); ok {
		t.ListenForTones(on)
	}
}

// menuListen is how long is listened for a key after a question that no menu of the file asks.
const menuListen = 8 * time.Second

// means is what a key means everywhere, if anything.
func (v *visit) means(key byte) ivr.Meaning { return ivr.MeaningOf(key, v.settings.Emergency.Key) }

// follow leads the caller where a key of that meaning leads; false: nowhere.
func (v *visit) follow(w *ivr.Walk, m ivr.Meaning) bool {
	v.alarmed = v.alarmed || m == ivr.Alarm
	return m == ivr.Alarm || w.Follow(m)
}

// ask plays clips in the caller's language and listens for a key.
func (l *Line) ask(ctx context.Context, v *visit, clips ...*call.Clip) (byte, bool) {
	key, ok := ivr.Ask(ctx, v.leg.Audio(), menuListen, clips...)
	return key.Digit, ok
}

// offerPerson says something and then that there is a person; the caller decides, or does nothing and
// comes to one. It is the end of every node that could not do its work.
func (l *Line) offerPerson(v *visit, w *ivr.Walk, words ...string) {
	lang := v.rec.Language
	l.sayUntil(v, w, 2, w.Idle, append(l.clips(lang, words...), l.o.Prompts.SayChoice("menu.item.operator", ivr.KeyPerson, lang)...)...)
}

// sayUntil says something until a key leads the caller elsewhere, or none comes, or it was said so many times;
// then idle leads on.
func (l *Line) sayUntil(v *visit, w *ivr.Walk, times int, idle func(), say ...*call.Clip) {
	for range times {
		key, ok := l.ask(v.ctx, v, say...)
		switch {
		case v.ctx.Err() != nil:
			return
		case !ok:
			idle()
			return
		case v.follow(w, v.means(key)):
			return
		}
	}
	idle()
}
