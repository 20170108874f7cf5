package purge

import (
	"errors"
	"strings"
	"testing"
	"time"

	"hotline/call"
	"hotline/recording/access"
)

func TestOrder(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	goes, _ := street(h)
	ordered := h.put(8, time.Date(2026, 10, 1, 12, 0, 0, 0, baku), "rec", "key")
	tooYoung := h.put(9, time.Date(2027, 3, 16, 12, 0, 0, 0, baku), "wav")
	r := h.reaper(nil)
	defer r.Close()
	if err := r.Vouch("test"); err != nil {
		t.Fatal(err)
	}
	order := func(id call.ID, by, with, role, why string) (Certificate, error) {
		return r.Order(t.Context(), access.Entry{Who: by, With: with, Role: role, From: "console", Call: id, Why: why},
			[]Thing{{ID: id, Kind: KindRecording, Path: h.records[id].Recording}})
	}
	const why = "order 3/2027 of the court of Baku"
	for _, c := range []struct {
		id                  call.ID
		by, with, role, why string
		want                error
		says                string
	}{
		{ordered, "rena", "rena", access.Chief, why, ErrKept, "second person"},
		{ordered, "rena", "", access.Chief, why, ErrKept, "two persons"},
		{ordered, "rena", "sara", access.Supervisor, why, access.ErrRefused, "may not purge"},
		{ordered, "rena", "sara", access.Chief, "because", access.ErrRefused, "too little"},
		{nth(4), "rena", "sara", access.Chief, why, ErrKept, "hold 1 by chief"},
		{nth(5), "rena", "sara", access.Chief, why, ErrKept, "case 2026-000001 is open"},
		{tooYoung, "rena", "sara", access.Chief, why, ErrKept, "not before 17 June 2027"},
	} {
		before := h.left(c.id)
		if _, err := order(c.id, c.by, c.with, c.role, c.why); !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) || h.left(c.id) != before {
			t.Errorf("%s by %s (%s) with %s: %v; there is %q", c.id, c.by, c.role, c.with, err, h.left(c.id))
		}
	}
	c, err := order(ordered, "rena", "sara", access.Chief, why)
	if err != nil || h.left(ordered) != "gone json" {
		t.Fatalf("got %v, there is %q", err, h.left(ordered))
	}
	if len(c.Erased) != 1 || c.Erased[0].By != "rena" || c.Erased[0].With != "sara" || c.Erased[0].Why != why {
		t.Errorf("certified %+v", c)
	}
	if written := h.certificates(); len(written) != 1 || written[0].Signature == "" || written[0].Signature != c.Signature {
		t.Errorf("given back is %+v, written %+v", c, written)
	}
	if _, err := order(ordered, "rena", "sara", access.Chief, why); !errors.Is(err, ErrUnknown) {
		t.Errorf("erased twice: %v", err)
	}
	for _, id := range goes { // an order erases what it names and nothing else
		if strings.Contains(h.left(id), "gone") {
			t.Errorf("%s went too", id)
		}
	}
}

// What two persons have ordered is erased though the process dies over it and the rows do not answer to the next one.
func TestAnOrderOutlivesRowsThatDoNotAnswer(t *testing.T) {
	h := newHouse(t, memory(t))
	defer h.close()
	id := h.put(1, time.Date(2026, 10, 1, 12, 0, 0, 0, baku), "wav")
	func() {
		defer func() { _ = recover() }()
		r := h.reaper(func(step string) {
			if step == "planned" {
				panic(killed{})
			}
		})
		defer r.Close()
		if err := r.Vouch("test"); err != nil {
			t.Fatal(err)
		}
		_, err := r.Order(t.Context(), access.Entry{Who: "rena", With: "sara", Role: access.Chief, From: "console", Call: id, Why: "order 3/2027 of the court"},
			[]Thing{{ID: id, Kind: KindRecording, Path: h.records[id].Recording}})
		t.Errorf("it was to be killed: %v", err)
	}()
	r := h.reaper(nil)
	defer r.Close()
	if err := r.Vouch("test"); err != nil {
		t.Fatal(err)
	}
	h.rowless = errors.New("the database is locked")
	if err := r.Pass(t.Context()); !errors.Is(err, h.rowless) {
		t.Errorf("got %v", err)
	}
	h.rowless = nil
	if err := r.Pass(t.Context()); err != nil || h.left(id) != "gone json" {
		t.Errorf("got %v, there is %q", err, h.left(id))
	}
	if c := h.certificates(); len(c) != 1 || c[0].Erased[0].With != "sara" {
		t.Errorf("certified %+v", c)
	}
}
