package desk

import (
	"context"
	"fmt"
	"testing"
	"time"

	"hotline/call"
	"hotline/call/wire"
)

type callbacksOf struct{ *house }

func (h callbacksOf) Open(numbers bool) []wire.Callback {
	h.did = append(h.did, fmt.Sprintf("list %v", numbers))
	again, aysel := "2026-11-25T09:40:00.000Z", "aysel"
	return []wire.Callback{
		{ID: "cb1", Queue: "general", Language: "az", Number: "***89", Asked: wire.Time(t0), Position: 1, Tries: 1, Again: &again},
		{ID: "cb2", Queue: "general", Language: "ru", Number: "***12", Asked: wire.Time(t0), Operator: &aysel},
	}
}

func (h callbacksOf) Cancel(prefix string) (call.ID, error) {
	h.did = append(h.did, "cancel "+prefix)
	return call.ID(prefix), h.fail
}

func (h callbacksOf) Add(_ context.Context, from call.ID) (wire.Callback, error) {
	h.did = append(h.did, "add "+string(from))
	return wire.Callback{ID: "cb1"}, h.fail
}

func (h callbacksOf) Abandoned(_ context.Context, f wire.AbandonFilter) ([]wire.Abandoned, error) {
	h.since = f.Since
	h.did = append(h.did, fmt.Sprintf("abandoned %v", f.Numbers))
	return []wire.Abandoned{{Call: "b", Queue: "general", Language: "az", Number: "***89", Arrived: wire.Time(t0), WaitedMS: 61000, Times: 2}}, h.fail
}

func TestWhichAbandonedCallsAreAskedFor(t *testing.T) {
	h := &house{}
	d := newDesk(h)
	ask(t, d.API(), "GET", "/api/v1/callbacks/abandoned", "")
	if ago := time.Since(h.since); ago < 23*time.Hour || ago > 25*time.Hour {
		t.Errorf("by default since %v ago", ago)
	}
	ask(t, d.API(), "GET", "/api/v1/callbacks/abandoned?numbers=true&since=2026-11-25T10:00:00%2B04:00", "")
	if !h.since.Equal(time.Date(2026, 11, 25, 6, 0, 0, 0, time.UTC)) || h.did[len(h.did)-1] != "abandoned true" {
		t.Errorf("since %v, %q", h.since, h.did)
	}
	if ask(t, d.API(), "GET", "/api/v1/callbacks?numbers=1", ""); h.did[len(h.did)-1] != "list true" {
		t.Errorf("%q", h.did)
	}
	for _, path := range []string{"callbacks?numbers=perhaps", "callbacks/abandoned?numbers=perhaps", "callbacks/abandoned?since=yesterday"} {
		if res, _ := ask(t, d.API(), "GET", "/api/v1/"+path, ""); res.StatusCode != 422 {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
	if res, _ := ask(t, d.API(), "POST", "/api/v1/callbacks", `{"from_call": "nobody"}`); res.StatusCode != 404 {
		t.Errorf("from a call that is not known: %s", res.Status)
	}
}
