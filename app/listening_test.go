package app

import (
	"bytes"
	"context"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/call"
	"hotline/call/wire"
	"hotline/control"
)

// leftIn leaves a message in a call, and opens its case.
func leftIn(t *testing.T, a *App, of call.ID, at time.Time, confidential bool) (call.Message, string) {
	t.Helper()
	m := call.Message{
		ID: call.NewID(), Call: of, Line: "919", From: "+994501112233", Language: "az", Kind: call.MatterComplaint, Topic: "stay",
		Confidential: confidential, At: at,
	}
	pcm := make([]int16, 12345)
	for i := range pcm {
		pcm[i] = int16(i)
	}
	m, err := a.register.messages.Keep(t.Context(), m, pcm)
	if err != nil {
		t.Fatal(err)
	}
	return m, open(t, a, m)
}

// What callers have left is encrypted like their calls, heard by those who may, each of whom is written down, and
// erased with the call. Something confidential is the chief's to hear, and so is the call in which it was said.
func TestWhoHearsAMessage(t *testing.T) {
	ctx := t.Context()
	young, old := time.Now().Add(-time.Hour), time.Now().AddDate(0, -4, 0)
	a := keepArchive(t, map[string]time.Time{"open": old, "secret": young})
	recipient, err := NewRecovery(filepath.Join(t.TempDir(), "recovery.txt"))
	if err != nil {
		t.Fatal(err)
	}
	app, client := a.start(t, "recording: {encrypt: ["+recipient+"]}")
	defer app.Close()
	m, number := leftIn(t, app, a.calls["open"].ID, old, false)
	_, secret := leftIn(t, app, a.calls["secret"].ID, young, true)
	if filepath.Ext(m.Path) != ".rec" {
		t.Errorf("it lies at %s", m.Path)
	}

	hear := func(number, by string) ([]byte, error) {
		var b bytes.Buffer
		err := client.Message(ctx, number, control.Listen{By: by, Why: because}, &b)
		return b.Bytes(), err
	}
	for by, says := range map[string]string{"aydin": "cannot hear", "leyla": "may not play", "nobody": "no role"} {
		_, err := hear(number, by)
		refusedWith(t, err, says)
	}
	_, err = hear("2026-999999", "sara")
	refusedWith(t, err, "no such case")
	want, err := app.register.messages.Sound(m.Path)
	if err != nil || len(want) != 44+2*12345 {
		t.Fatalf("%d bytes, %v", len(want), err)
	}
	if b, err := hear(number, "sara"); err != nil || !bytes.Equal(b, want) {
		t.Errorf("the supervisor hears %d bytes of %d, %v", len(b), len(want), err)
	}
	_, err = hear(secret, "sara")
	refusedWith(t, err, "the chief's to hear")
	refusedWith(t, client.Sound(ctx, a.id("secret"), control.Listen{By: "sara", Why: because}, io.Discard), "the chief's to hear")
	if b, err := hear(secret, "rena"); err != nil || !bytes.Equal(b, want) {
		t.Errorf("the chief hears %d bytes of %d, %v", len(b), len(want), err)
	}
	if err := client.Sound(ctx, a.id("secret"), control.Listen{By: "rena", Why: because}, io.Discard); err != nil {
		t.Errorf("the chief hears the call: %v", err)
	}
	log, err := client.Accesses(ctx, control.AccessFilter{Call: a.id("secret"), Most: 100})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, e := range log.Accesses {
		told = append(told, e.Who+" "+e.Do+map[bool]string{true: " confidential"}[e.Confidential]+map[bool]string{true: " refused"}[e.Refused != ""])
	}
	if want := []string{"sara play confidential refused", "sara play confidential refused", "rena play confidential", "rena play confidential"}; !slices.Equal(told, want) {
		t.Errorf("written down is %q", told)
	}
	c, err := client.Case(ctx, number, control.CaseLook{By: "sara"})
	if err != nil || !slices.ContainsFunc(c.History, func(e wire.CaseEntry) bool { return e.What == "heard" && e.By == "sara" && e.Text == because }) {
		t.Errorf("the history is %+v, %v", c.History, err)
	}

	// Its key is sealed anew with the others, and it goes as they go.
	if r, err := RotateKeys(context.Background(), app.file, RotateOrder{}); err != nil || r.Keys != 2 || r.Sealed != 2 {
		t.Errorf("rotated: %+v, %v", r, err)
	}
	if b, err := hear(number, "sara"); err != nil || !bytes.Equal(b, want) {
		t.Errorf("after a rotation: %d bytes of %d, %v", len(b), len(want), err)
	}
	_, err = client.ChangeCase(ctx, number, control.CaseChange{Do: "close", By: "rena", Text: "done"})
	if err != nil {
		t.Fatal(err)
	}
	if err := client.ClockIsRight(ctx, control.Decision{By: "rena", Why: because}); err != nil {
		t.Fatal(err)
	}
	done, err := client.PurgeOne(ctx, a.id("open"), control.Decision{By: "rena", With: "sara", Why: "order 3/2027 of the court"})
	if err != nil || len(done.Erased) != 2 {
		t.Fatalf("ordered away: %+v, %v", done, err)
	}
	stem := strings.TrimSuffix(filepath.Join(a.dir, m.Path), ".rec")
	left, err := filepath.Glob(stem + "*")
	if err != nil || !slices.Equal(left, []string{stem + ".gone"}) {
		t.Errorf("left is %v, %v", left, err)
	}
	_, err = hear(number, "sara")
	refusedWith(t, err, "erased")
}
