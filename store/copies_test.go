package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"hotline/call"
)

// aCopy is a request as it is registered, of 2026.
func aCopy(id string) call.Copy {
	return call.Copy{
		Call: call.ID(id), Case: "2026-000123", Name: "A. Aliyeva", Checked: "nigar", By: "leyla", Why: "came to the office",
		Asked: t0, Due: t0.Add(240 * time.Hour), Right: t0.Add(2000 * time.Hour),
	}
}

func requestCopy(t *testing.T, s *Store, c call.Copy) call.Copy {
	t.Helper()
	c, err := s.RequestCopy(context.Background(), c, call.CaseEntry{At: c.Asked, By: c.By, What: "asked"})
	must(t, err)
	return c
}

// A request comes back as it was, numbered within its year, after a restart too.
func TestARequestForACopyComesBackAsItWas(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openIn(t, dir)
	first, second := requestCopy(t, s, aCopy("c1")), requestCopy(t, s, aCopy("c2"))
	next := aCopy("c3")
	next.Asked = t0.AddDate(1, 0, 0)
	third := requestCopy(t, s, next)
	if first.Number != "R-2026-000001" || second.Number != "R-2026-000002" || third.Number != "R-2027-000001" {
		t.Errorf("the numbers are %s, %s, %s", first.Number, second.Number, third.Number)
	}
	must(t, s.Close())
	s = openIn(t, dir)
	got, err := s.Copy(ctx, "R-2026-000001")
	must(t, err)
	want := aCopy("c1")
	if got.Call != want.Call || got.Case != want.Case || got.Name != want.Name || got.Checked != want.Checked || got.By != want.By || got.Why != want.Why ||
		!got.Asked.Equal(want.Asked) || !got.Due.Equal(want.Due) || !got.Right.Equal(want.Right) || got.State != call.CopyAsked || !got.Made.IsZero() || !got.Closed.IsZero() {
		t.Errorf("came back as %+v", got)
	}
	for _, number := range []string{"R-2026-000009", "R-2026-1", "2026-000001", "", "R-2026-000001x", "R--2026-000001"} {
		if _, err := s.Copy(ctx, number); !errors.Is(err, ErrUnknown) {
			t.Errorf("%q: %v", number, err)
		}
	}
}

// A request goes on only as the law has it, and whatever was done to it stands in its history.
func TestARequestForACopyGoesOn(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	number := requestCopy(t, s, aCopy("c1")).Number
	other := requestCopy(t, s, aCopy("c2")).Number
	do := func(number string, state call.CopyState, hours int) error {
		_, err := s.ChangeCopy(ctx, number, CopyChange{
			State: state, Silence: "operator", Digest: "abcd", Entry: call.CaseEntry{At: t0.Add(time.Duration(hours) * time.Hour), By: "leyla", What: string(state), Text: "so"},
		})
		return err
	}
	for i, step := range []struct {
		number string
		state  call.CopyState
		ok     bool
	}{
		{number, call.CopyDelivered, false}, {number, call.CopyMade, true}, {number, call.CopyMade, true}, {number, call.CopyAsked, false},
		{number, call.CopyDelivered, true}, {number, call.CopyMade, false}, {number, call.CopyRefused, false},
		{other, call.CopyRefused, true}, {other, call.CopyMade, false}, {other, call.CopyRefused, false},
	} {
		if err := do(step.number, step.state, i); (err == nil) != step.ok || err != nil && !errors.Is(err, call.ErrCopyMove) {
			t.Errorf("step %d, to %s: %v", i, step.state, err)
		}
	}
	c, err := s.Copy(ctx, number)
	must(t, err)
	if c.State != call.CopyDelivered || !c.Made.Equal(t0.Add(2*time.Hour)) || !c.Closed.Equal(t0.Add(4*time.Hour)) || c.Silence != "operator" || c.Digest != "abcd" {
		t.Errorf("it is %+v", c)
	}
	var what string
	for _, e := range c.History {
		what += e.What + " "
	}
	if what != "asked made made delivered " {
		t.Errorf("its history is %q", what)
	}
	if err := do("R-2026-000077", call.CopyMade, 1); !errors.Is(err, ErrUnknown) {
		t.Errorf("one that is not there: %v", err)
	}
	third := aCopy("c3")
	third.Due = t0
	third = requestCopy(t, s, third)
	open, err := s.Copies(ctx, false)
	must(t, err)
	all, err := s.Copies(ctx, true)
	must(t, err)
	if len(open) != 1 || open[0].Number != third.Number || len(all) != 3 || all[0].Number != third.Number || all[1].Number != other {
		t.Errorf("open are %v, all are %v", open, all)
	}
}

// A database that cannot be read is no request that there is not.
func TestAnErrorIsNoUnknownRequest(t *testing.T) {
	s := openIn(t, t.TempDir())
	number := requestCopy(t, s, aCopy("c1")).Number
	_, err := s.writer.Exec(`ALTER TABLE copies RENAME COLUMN silence TO noise`)
	must(t, err)
	if _, err := s.ChangeCopy(t.Context(), number, CopyChange{Entry: call.CaseEntry{At: t0, By: "leyla"}}); err == nil || errors.Is(err, ErrUnknown) {
		t.Errorf("got %v", err)
	}
}
