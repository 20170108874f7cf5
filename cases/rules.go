package cases

import (
	"slices"
	"time"

	"hotline/call"
)

// Rules are who answers what, and when there is work: what the configuration says.
type Rules struct {
	Zone  *time.Location
	Hours Hours
	Units []Unit
	Chief Receiver // of what is confidential
	Mail  Mail     // how e-mail leaves
}

// A Unit answers cases.
type Unit struct {
	Name   string
	Topics []string // its own; none: whatever has no other unit, for the first one of these
	Receiver
}

// A Receiver is where a unit, or the chief, is told.
type Receiver struct {
	Email   string // an address; empty: not by e-mail
	Webhook string // a URL; empty: not by webhook
	Secret  string // signs webhooks
}

// channels are the ways to a receiver.
func (r Receiver) channels() (ways []call.CaseChannel) {
	if r.Email != "" {
		ways = append(ways, call.ByEmail)
	}
	if r.Webhook != "" {
		ways = append(ways, call.ByWebhook)
	}
	return ways
}

// unitOf is whose a topic is: the unit that names it, else the first without topics, else the first.
// Empty: there is none.
func (r Rules) unitOf(topic string) string {
	if len(r.Units) == 0 {
		return ""
	}
	whose := 0
	if i := slices.IndexFunc(r.Units, func(u Unit) bool { return len(u.Topics) == 0 }); i >= 0 {
		whose = i
	}
	if i := slices.IndexFunc(r.Units, func(u Unit) bool { return topic != "" && slices.Contains(u.Topics, topic) }); i >= 0 {
		whose = i
	}
	return r.Units[whose].Name
}

// receiver is who is told of a unit's cases, and whether there is such a unit. The empty name is the
// chief's.
func (r Rules) receiver(unit string) (Receiver, bool) {
	if unit == "" {
		return r.Chief, true
	}
	for _, u := range r.Units {
		if u.Name == unit {
			return u.Receiver, true
		}
	}
	return Receiver{}, false
}

// terms counts the terms of a case.
func (r Rules) terms(c call.Case) Terms {
	return r.Hours.TermsOf(c.Matter, c.Term, c.Opened.In(r.Zone), c.Extra)
}

// tells are what a case's receiver is to be told, and when: the case itself now, and the reminders that
// are still to come.
func (r Rules) tells(c call.Case, t Terms, now time.Time, forward bool) (tell []call.Delivery) {
	if c.Unit == "" && !c.Confidential {
		return nil // it has no unit: it is in the list
	}
	to, _ := r.receiver(c.Unit)
	for _, way := range to.channels() {
		d := call.Delivery{Case: c.ID, Key: string(c.ID), Unit: c.Unit, Channel: way, Next: now, By: t.Forward}
		if forward {
			tell = append(tell, d)
		}
		for _, remind := range t.Reminders {
			if remind.At.After(now) {
				tell = append(tell, call.Delivery{
					Case: c.ID, Key: reminderKey(c.ID, remind.Percent, c.Extra), Unit: c.Unit, Channel: way, Percent: remind.Percent, Next: remind.At,
				})
			}
		}
	}
	return tell
}
