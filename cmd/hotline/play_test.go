package main

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"hotline/control"
)

// Whoever ends the player has heard enough, which is no fault; a player that fails is one, and so is a refusal.
func TestThePlayerEndsFirst(t *testing.T) {
	sound := control.InProcess(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(make([]byte, 1<<20)) // more than a pipe holds
	}))
	refused := control.InProcess(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"detail": "refused: nobody"}`))
	}))
	for _, c := range []struct {
		from  *control.Client
		with  string
		fault string // empty: none
	}{{sound, "true", ""}, {sound, "wc -c", ""}, {sound, "false", "play by false"}, {refused, "true", "refused"}} {
		var said bytes.Buffer
		err := through(&terminal{err: &said}, strings.Fields(c.with), func(w io.Writer) error {
			return ofCall("0197e0e4")(c.from, control.Listen{Do: "play"}, w)
		})
		if (err == nil) != (c.fault == "") || err != nil && !strings.Contains(err.Error(), c.fault) {
			t.Errorf("%s: %v, want %q", c.with, err, c.fault)
		}
		if c.with == "wc -c" && strings.TrimSpace(said.String()) != "1048576" {
			t.Errorf("the player got %s", said.String())
		}
	}
}
