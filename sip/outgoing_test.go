package sip

import (
	"fmt"
	"testing"
	"time"

	"hotline/call"
)

// A doorTest is a doorway with a clock of its own.
type doorTest struct {
	*doorway
	t     *testing.T
	clock time.Time
}

func doorFor(t *testing.T, o Outgoing) *doorTest {
	d := &doorTest{t: t, clock: time.Date(2026, 11, 25, 10, 0, 0, 0, time.UTC)}
	d.doorway = newDoorway(func() time.Time { return d.clock })
	d.set(o, baku)
	return d
}

// wants asks for a call and says why it was refused; "" lets it out.
func (d *doorTest) wants(o call.Outside, want refusalWhy) (leave func()) {
	d.t.Helper()
	_, leave, why := d.admit(o)
	if why != want {
		d.t.Errorf("%s to %q: %q, want %q", o.Operator, o.To.Raw(), why, want)
	}
	return leave
}

// rules with room for everything, so that one thing at a time is asked.
func roomy() Outgoing {
	return Outgoing{
		Allow: []string{"+99412", "103"}, Directory: []string{"0555550101", "112"}, Emergency: []string{"112"},
		Own: []string{"919", "012919", "+994125559190"}, Calls: 100, PerOperator: 100, PerNumberHour: 100, PerOperatorDay: 100, PerDay: 1000, Reserve: 1,
	}
}

// Who may call whom: only what the allow-list and the directory say, whoever asks, however it is
// spelled; our own numbers never.
func TestWhoMayCallWhom(t *testing.T) {
	closed := func(time.Time) bool { return false }
	for number, c := range map[string]struct{ open, shut refusalWhy }{
		"+994125550100":       {"", whyHours}, // allowed by its prefix
		"0125550100":          {"", whyHours},
		"00994125550100":      {"", whyHours},
		"012 555-01-00":       {"", whyHours},
		"103":                 {"", whyHours}, // allowed whole
		"1031":                {whyNotAllowed, whyNotAllowed},
		"+994555550101":       {"", whyHours}, // in the directory
		"0555550101":          {"", whyHours},
		"0555550102":          {whyNotAllowed, whyNotAllowed}, // its neighbour
		"05555501011":         {whyNotAllowed, whyNotAllowed},
		"112":                 {"", ""}, // help
		"919":                 {whyOwn, whyOwn},
		"012919":              {whyOwn, whyOwn},
		"+99412919":           {whyOwn, whyOwn},
		"0099412919":          {whyOwn, whyOwn},
		"0125559190":          {whyOwn, whyOwn},
		"+994 12 555 91 90":   {whyOwn, whyOwn},
		"+9940125559190":      {whyOwn, whyOwn}, // networks forgive a national prefix inside
		"009940125559190":     {whyOwn, whyOwn},
		"+49301234567":        {whyNotAllowed, whyNotAllowed},
		"0049301234567":       {whyNotAllowed, whyNotAllowed},
		"+882161234567":       {whyNotAllowed, whyNotAllowed}, // premium satellite
		"900":                 {whyNotAllowed, whyNotAllowed},
		"":                    {whyNumber, whyNumber},
		"1":                   {whyNumber, whyNumber},
		"+":                   {whyNumber, whyNumber},
		"anar":                {whyNumber, whyNumber},
		"*21*0125550100#":     {whyNumber, whyNumber},
		"+99412555;ext=1":     {whyNumber, whyNumber},
		"+99412555@elsewhere": {whyNumber, whyNumber},
		"+99412٥٥٥٠١٠٠":       {whyNumber, whyNumber},
	} {
		for _, who := range []string{"anar", ""} { // an operator, the server itself
			for _, emergency := range []bool{false, true} {
				open := doorFor(t, roomy())
				open.wants(call.Outside{To: call.Number(number), Operator: who, Emergency: emergency}, c.open)
				o := roomy()
				o.Open = closed
				want := c.shut
				if number == "112" && !emergency {
					want = whyHours
				}
				doorFor(t, o).wants(call.Outside{To: call.Number(number), Operator: who, Emergency: emergency}, want)
			}
		}
	}
}

func TestNothingIsAllowedUnlessItIsSaid(t *testing.T) {
	d := doorFor(t, Outgoing{Directory: []string{"0125550101"}, Calls: 9, PerOperator: 9, PerNumberHour: 9, PerOperatorDay: 9, PerDay: 9})
	d.wants(call.Outside{To: "0125550100"}, whyNotAllowed)
	d.wants(call.Outside{To: "0125550101"}, "")
	doorFor(t, Outgoing{Allow: []string{"+994"}}).wants(call.Outside{To: "0125550100"}, whyCalls) // 0 is none at all
}

func TestCapsOfCallsOut(t *testing.T) {
	number := func(i int) call.Number { return call.Number(fmt.Sprintf("+9941255501%02d", i)) }
	for name, c := range map[string]struct {
		change func(*Outgoing)
		next   func(i int) call.Outside // each is let out until the cap
		after  func() call.Outside      // somebody whom the cap does not hold
		why    refusalWhy
		leaves bool          // a call that ends makes room
		passes time.Duration // time makes room
	}{
		"at once": {
			func(o *Outgoing) { o.Calls = 3 },
			func(i int) call.Outside { return call.Outside{To: number(i), Operator: fmt.Sprint("op", i)} },
			func() call.Outside { return call.Outside{To: "112", Emergency: true} }, whyCalls, true, 0,
		},
		"at once of one operator": {
			func(o *Outgoing) { o.PerOperator = 3 },
			func(i int) call.Outside { return call.Outside{To: number(i), Operator: "anar"} },
			func() call.Outside { return call.Outside{To: number(50), Operator: "leyla"} }, whyOperator, true, 0,
		},
		"to one number in an hour": {
			func(o *Outgoing) { o.PerNumberHour = 3 },
			func(i int) call.Outside { return call.Outside{To: number(1), Operator: fmt.Sprint("op", i)} },
			func() call.Outside { return call.Outside{To: number(2), Operator: "anar"} }, whyNumberHour, false, time.Hour,
		},
		"of one operator in a day": {
			func(o *Outgoing) { o.PerOperatorDay = 3 },
			func(i int) call.Outside { return call.Outside{To: number(i), Operator: "anar"} },
			func() call.Outside { return call.Outside{To: number(50), Operator: "leyla"} }, whyOperatorDay, false, 24 * time.Hour,
		},
		"in a day": {
			func(o *Outgoing) { o.PerDay = 3 },
			func(i int) call.Outside { return call.Outside{To: number(i), Operator: fmt.Sprint("op", i)} },
			func() call.Outside { return call.Outside{To: "112", Emergency: true} }, whyDay, false, 24 * time.Hour,
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := roomy()
			c.change(&o)
			d := doorFor(t, o)
			var leave []func()
			for i := range 3 {
				leave = append(leave, d.wants(c.next(i), ""))
			}
			d.wants(c.next(3), c.why)
			d.wants(c.after(), "")
			leave[0]()
			leave[0]() // twice is once
			if c.leaves {
				d.wants(c.next(4), "")
				d.wants(c.next(5), c.why)
				return
			}
			d.wants(c.next(4), c.why)
			for _, l := range leave[1:] {
				l()
			}
			d.clock = d.clock.Add(c.passes)
			d.wants(c.next(5), "")
		})
	}
}

// Other spellings of a number share its hour.
func TestOneNumberInAllItsSpellings(t *testing.T) {
	o := roomy()
	o.PerNumberHour = 2
	d := doorFor(t, o)
	d.wants(call.Outside{To: "0125550100"}, "")
	d.wants(call.Outside{To: "+994125550100"}, "")
	d.wants(call.Outside{To: "00994 12 555 01 00"}, whyNumberHour)
}

// A reload changes the rules, not what was counted.
func TestCountsOutliveOtherRules(t *testing.T) {
	o := roomy()
	o.PerDay = 2
	d := doorFor(t, o)
	d.wants(call.Outside{To: "0125550100"}, "")
	d.wants(call.Outside{To: "0125550101"}, "")
	o.PerDay = 3
	d.set(o, baku)
	d.wants(call.Outside{To: "0125550102"}, "")
	d.wants(call.Outside{To: "0125550103"}, whyDay)
}

// Emergency is what the configuration says, not what a call claims.
func TestNobodyClaimsAnEmergency(t *testing.T) {
	o := roomy()
	o.Calls = 0
	d := doorFor(t, o)
	d.wants(call.Outside{To: "0125550100", Emergency: true}, whyCalls)
	d.wants(call.Outside{To: "112", Emergency: true}, "")
}
