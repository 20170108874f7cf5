package sip

import (
	"testing"
	"time"
)

// probing is a carrier that is asked every second, as trunkTimes counts.
func probing(c *Carrier) { c.Options = time.Second }

func (h *house) isUp(name string) bool { return h.gauge("hotline_sip_trunk_up", "trunk="+name) == 1 }

// A trunk is down after two unanswered questions, not one, and up after three answers, not two.
func TestATrunkThatDiesAndComesBack(t *testing.T) {
	b := board(t, "127.0.0.3")
	h := openTrunks(t, nil, by("carrier", probing, b), by("quiet", nil, board(t, "127.0.0.4")))
	says := func(code int) {
		t.Helper()
		b.send(respond(b.request("OPTIONS"), code, "o", "", ""))
	}
	looked := func() int { // how many answers in a row were bad (negative) or good
		h.mu.Lock()
		defer h.mu.Unlock()
		e := h.trunks["carrier"].ends[0]
		return e.good - e.bad
	}
	is := func(n int, up bool) {
		t.Helper()
		eventually(t, "the answer counts", func() bool { return looked() == n })
		if h.isUp("carrier") != up {
			t.Errorf("after %d answers: up is %v", n, !up)
		}
		if got, probed := h.TrunksUp(); probed != 1 || got != int(one(up)) {
			t.Errorf("%d of %d are up", got, probed)
		}
	}
	is(0, true)
	for i, alive := range []int{200, 404, 401, 403, 481, 603} { // whoever refuses lives
		says(alive)
		is(i+1, true)
	}
	says(503)
	is(-1, true) // once is a packet lost
	says(200)
	is(1, true)
	says(408)
	is(-1, true)
	says(500)
	is(-2, false)
	says(200)
	says(200)
	is(2, false)
	says(503) // it limps
	is(-1, false)
	says(200)
	says(200)
	says(200)
	is(3, true)
	if h.gauge("hotline_sip_trunk_up", "trunk=quiet") != 1 {
		t.Error("a trunk that is never asked is down")
	}
}

func TestASilentTrunkIsDownSoon(t *testing.T) {
	b := board(t, "127.0.0.3")
	h := openTrunks(t, nil, by("carrier", func(c *Carrier) { c.Options = 30 * time.Second }, b))
	b.send(respond(b.request("OPTIONS"), 200, "o", "", ""))
	// From the first question that is not answered on it takes two waits and the short pause.
	b.request("OPTIONS")
	began := time.Now()
	eventually(t, "it is down", func() bool { return !h.isUp("carrier") })
	if took := time.Since(began) * 16; took > 10*10*time.Second {
		t.Errorf("a dead trunk was noticed after %s", took)
	}
}

// A connection that is refused is an answer too: nobody is there.
func TestATrunkOverTCPThatIsNotThere(t *testing.T) {
	gone := exchangeAt(t, "127.0.0.3", nil)
	_ = gone.ln.Close()
	h := openTrunks(t, nil, Carrier{Name: "carrier", Options: time.Second, To: []Host{{Host: "127.0.0.3", Port: gone.at.Port(), Transport: "tcp"}}})
	eventually(t, "it is down", func() bool { return !h.isUp("carrier") })
}

// A call that a trunk does not take has it looked at before its time.
func TestAFailedCallHasItsTrunkLookedAt(t *testing.T) {
	b := board(t, "127.0.0.3")
	h := openTrunks(t, nil, by("carrier", func(c *Carrier) { c.Options = time.Hour }, b))
	b.send(respond(b.request("OPTIONS"), 200, "o", "", ""))
	h.locked("test", func() { h.trunks["carrier"].asked = time.Now().Add(-time.Minute) })
	out := h.dialOut(t.Context(), asking())
	b.refuses(b.request("INVITE"), 503, "")
	failure(t, out)
	b.request("OPTIONS")
}
