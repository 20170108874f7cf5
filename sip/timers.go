package sip

import "time"

// timing are the times of RFC 3261 (table 4) and our own. Tests shrink them; nothing else does.
type timing struct {
	T1, T2, T4  time.Duration // round trip, longest interval between repeats, life of a message in the network
	Life        time.Duration // 64·T1: timers B, F, H, J, L, M, and the wait for an ACK
	Provisional time.Duration // a phone that has said nothing by then is unreachable
	Help        time.Duration // a carrier that has said nothing to an emergency by then is passed over
	HelpTrying  time.Duration // and one that has said 100 and nothing since
	Probe       time.Duration // the wait for an answer to one OPTIONS after silence of sound
	Pinhole     time.Duration // between two packets that keep a phone's NAT open; RFC 5626 §4.4.1 asks for less than 30 s
	Housekeep   time.Duration // between two looks at registrations and tables
	Glare       time.Duration // the unit of the pauses after 491 (RFC 3261 §14.1)
	Second      time.Duration // the unit of session timers (RFC 4028)
	Ringing     time.Duration // timer C: how long a telephone may ring (RFC 3261 §16.6)
	Reminder    time.Duration // between two provisional answers of a call that we let ring (RFC 3261 §13.3.1.1)

	// TCP: from connecting to the first whole message, from the first byte of a later one to
	// its last, the silence of a connection that nobody vouches for, and how often one that
	// somebody does is looked at.
	FirstMessage, Unfinished, StrangerIdle, LookAgain time.Duration

	Handshake  time.Duration // TLS with somebody who connects
	Connect    time.Duration // to a carrier, with TLS
	Ping, Pong time.Duration // between two questions on a connection to a carrier, and for the answer (RFC 5626 §4.4.1)
}

func defaultTiming() timing {
	return timing{
		T1: 500 * time.Millisecond, T2: 4 * time.Second, T4: 5 * time.Second,
		Life:        32 * time.Second,
		Provisional: 4 * time.Second,
		Help:        3 * time.Second,
		HelpTrying:  10 * time.Second,
		Probe:       2 * time.Second,
		Pinhole:     20 * time.Second,
		Housekeep:   time.Second,
		Glare:       10 * time.Millisecond,
		Second:      time.Second,
		Ringing:     3 * time.Minute,
		Reminder:    time.Minute,

		FirstMessage: 5 * time.Second, Unfinished: 5 * time.Second,
		StrangerIdle: 32 * time.Second, LookAgain: 30 * time.Second,
		Handshake: 5 * time.Second, Connect: 4 * time.Second, Ping: 25 * time.Second, Pong: 10 * time.Second,
	}
}

// An alarm is a timer whose action runs with the server locked. Stopping it under the lock is
// final: an action that was already on its way does nothing.
type alarm struct {
	timer *time.Timer
	off   bool
}

// after runs what in d, with the server locked and behind recover. The lock is held here.
func (s *Server) after(d time.Duration, what func()) *alarm {
	a := &alarm{}
	a.timer = time.AfterFunc(d, func() {
		s.locked("timer", func() {
			if !a.off {
				what()
			}
		})
	})
	return a
}

// stop ends the alarm. The lock is held. A nil alarm is stopped already.
func (a *alarm) stop() {
	if a != nil {
		a.off = true
		a.timer.Stop()
	}
}

// A repeater sends the same bytes again and again: at T1, then each interval twice the last,
// up to a longest one.
type repeater struct{ next *alarm }

// repeat sends b by f from the next T1 on. most 0 doubles without end (timer A).
func (s *Server) repeat(f flow, b []byte, most time.Duration) *repeater {
	r := &repeater{}
	var again func(time.Duration)
	again = func(interval time.Duration) {
		r.next = s.after(interval, func() {
			s.put(f, b)
			interval *= 2
			if most > 0 && interval > most {
				interval = most
			}
			again(interval)
		})
	}
	again(s.times.T1)
	return r
}

func (r *repeater) stop() {
	if r != nil {
		r.next.stop()
	}
}
