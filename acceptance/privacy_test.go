//go:build acceptance

package acceptance

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A journey leaves no number and no key where they do not belong, and secrets lie nowhere in the open.
func TestPrivacy(t *testing.T) {
	s := newHouse(t, 1)
	op := s.operatorPhone(operatorName(0))
	c := s.dial(s.citizen())
	if err := c.Media().PressKeys(within(t, 5*time.Second), "7"); err != nil { // a wrong key
		t.Fatal(err)
	}
	if err := c.Media().PressKeys(within(t, 5*time.Second), "2"); err != nil {
		t.Fatal(err)
	}
	taken := s.rung(op)
	if err := taken.Answer(); err != nil {
		t.Fatal(err)
	}
	c.Media().Say(0.3, 440)
	if err := taken.Media().WaitTone(within(t, 8*time.Second), 440); err != nil {
		t.Error(err)
	}
	s.hangUp(taken)
	s.over(c)
	s.lastRecord()
	for name, text := range map[string]string{
		"the log": s.read("serve.log"), "/metrics": s.page("/metrics"), "a Reason header": c.ByeReason(),
		"a Warning header": strings.Join([]string{c.Final().Get("Warning"), taken.Header("Warning")}, " "),
	} {
		for _, number := range []string{"000123456789", "123456789"} {
			if strings.Contains(text, number) {
				t.Errorf("%s holds the caller's number:\n%s", name, text)
			}
		}
		for _, key := range []string{`"digit"`, `"key":`, `"keys"`, `key="`, `digit="`} {
			if strings.Contains(text, key) {
				t.Errorf("%s speaks of keys pressed (%s)", name, key)
			}
		}
	}
	s.stop()
	secret := s.secrets[operatorName(0)]
	for _, file := range s.files("data") {
		body := s.read(file)
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret)} {
			if strings.Contains(body, form) {
				t.Errorf("%s holds a SIP secret in the open", file)
			}
		}
	}
}
