package desk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/zap"

	"hotline/call/wire"
)

// copiesOf is a register that notes what it was asked, and breaks after some bytes where it is told to.
type copiesOf struct {
	*house
	bytes int
	fails error
}

func (c copiesOf) Find(_ context.Context, ask wire.CopyFind) ([]wire.CopyCall, error) {
	c.did = append(c.did, fmt.Sprintf("find %+v", ask))
	return []wire.CopyCall{}, nil
}

func (c copiesOf) Request(_ context.Context, ask wire.CopyRequest) (wire.Copy, error) {
	c.did = append(c.did, "request "+ask.Call+" "+ask.By)
	return wire.Copy{Number: "R-2026-000001"}, nil
}

func (c copiesOf) Copies(context.Context, bool) ([]wire.Copy, error) { return []wire.Copy{}, nil }

func (c copiesOf) Copy(_ context.Context, number string) (wire.Copy, error) {
	return wire.Copy{Number: number}, nil
}

func (c copiesOf) Close(_ context.Context, number string, ask wire.CopyClose) (wire.Copy, error) {
	c.did = append(c.did, ask.Do+" "+number+" "+ask.Text)
	return wire.Copy{Number: number}, nil
}

func (c copiesOf) Make(_ context.Context, w io.Writer, _ string, _ wire.CopyMake) error {
	if c.bytes > 0 {
		if _, err := w.Write(make([]byte, c.bytes)); err != nil {
			return err
		}
	}
	return c.fails
}

// What is not said wholly is not done; without a register nothing is.
func TestRequestsForCopiesAreSaidWholly(t *testing.T) {
	h := &house{}
	d := New(Options{Calls: h, Copies: copiesOf{house: h}, Log: zap.NewNop()})
	for _, c := range []struct {
		method, path, body string
		status             int
	}{
		{"POST", "copies/find", `{"number":"0505550100","date":"2026-11-25","by":"nigar"}`, 200},
		{"POST", "copies/find", `{"case":"2026-000001","by":"nigar"}`, 200},
		{"POST", "copies/find", `{"number":"0505550100","by":"nigar"}`, 422},
		{"POST", "copies/find", `{"case":"2026-000001"}`, 422},
		{"POST", "copies", `{"call":"talked","checked_by":"leyla","by":"nigar","why":"came"}`, 200},
		{"POST", "copies", `{"call":"talked","checked_by":" ","by":"nigar","why":"came"}`, 422},
		{"POST", "copies", `{"call":"talked","checked_by":"leyla","by":"nigar"}`, 422},
		{"POST", "copies", `{"call":"nobody","checked_by":"leyla","by":"nigar","why":"came"}`, 404},
		{"POST", "copies", `{"call":"talked","checked_by":"leyla","by":"nigar","why":"` + strings.Repeat("x", 2001) + `"}`, 422},
		{"GET", "copies", "", 200}, {"GET", "copies?all=perhaps", "", 422}, {"GET", "copies/R-2026-000001", "", 200},
		{"POST", "copies/R-2026-000001", `{"do":"deliver","by":"nigar","text":"by hand"}`, 200},
		{"POST", "copies/R-2026-000001", `{"do":"deliver","by":"nigar"}`, 422},
		{"POST", "copies/R-2026-000001", `{"do":"burn","by":"nigar","text":"so"}`, 422},
		{"POST", "copies/R-2026-000001/bundle", `{"by":""}`, 422},
		{"POST", "copies/R-2026-000001/bundle", `{"by":"nigar"}`, 200},
	} {
		if res, body := ask(t, d.API(), c.method, "/api/v1/"+c.path, c.body); res.StatusCode != c.status {
			t.Errorf("%s %s %.60s: %s, want %d: %s", c.method, c.path, c.body, res.Status, c.status, body)
		}
	}
	none := New(Options{Calls: h, Log: zap.NewNop()})
	for _, path := range []string{"copies", "copies/R-2026-000001/bundle"} {
		if res, _ := ask(t, none.API(), "POST", "/api/v1/"+path, `{"by":"nigar"}`); res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s without a register: %s", path, res.Status)
		}
	}
}

// A copy that breaks before its first byte is a problem; one that breaks later must not look whole.
func TestACopyThatBreaks(t *testing.T) {
	broken := errors.New("broken")
	h := &house{}
	early := New(Options{Calls: h, Copies: copiesOf{house: h, fails: fmt.Errorf("%w: not sealed", ErrInvalid)}, Log: zap.NewNop()})
	if res, body := ask(t, early.API(), "POST", "/api/v1/copies/R-2026-000001/bundle", `{"by":"nigar"}`); res.StatusCode != 422 || !strings.Contains(body, "not sealed") {
		t.Errorf("early: %s %s", res.Status, body)
	}
	whole := New(Options{Calls: h, Copies: copiesOf{house: h, bytes: 10}, Log: zap.NewNop()})
	if res, body := ask(t, whole.API(), "POST", "/api/v1/copies/R-2026-000001/bundle", `{"by":"nigar"}`); res.Header.Get("Content-Type") != "application/zip" || len(body) != 10 {
		t.Errorf("whole: %s, %d bytes", res.Header.Get("Content-Type"), len(body))
	}
	defer func() {
		if p := recover(); p != http.ErrAbortHandler {
			t.Errorf("late: the answer ended as if it were whole (%v)", p)
		}
	}()
	late := New(Options{Calls: h, Copies: copiesOf{house: h, bytes: 10, fails: broken}, Log: zap.NewNop()})
	ask(t, late.API(), "POST", "/api/v1/copies/R-2026-000001/bundle", `{"by":"nigar"}`)
}
