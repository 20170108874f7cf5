package cases

import (
	"strings"
	"testing"

	"hotline/call"
)

// A letter says what it is for before it is opened.
func TestSubjectsOfLetters(t *testing.T) {
	for kind, want := range map[string]string{
		"forward": "Müraciət 2026-000123: şikayət", "80": "Xatırlatma (80 %): müraciət 2026-000123: şikayət",
		"unreached": "Zəngə cavab verilmədi: müraciət 2026-000123: şikayət",
	} {
		l, c := Letter{Kind: kind}, Case{Number: "2026-000123", Matter: call.MatterComplaint}
		if got := subject(l, c); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
		c.Confidential = true
		if got := subject(l, c); strings.Contains(got, "şikayət") || !strings.HasSuffix(got, "2026-000123 (məxfi)") {
			t.Errorf("%s of a confidential case: %q", kind, got)
		}
	}
}
