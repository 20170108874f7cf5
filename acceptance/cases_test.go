//go:build acceptance

package acceptance

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/phone"
)

// A receiver takes webhooks, and not always well.
type receiver struct {
	t      testing.TB
	secret string

	mu       sync.Mutex
	tries    map[string]int  // by key
	numbers  map[string]bool // of cases, as the first letter of each key had them
	sick     int             // so many letters are refused, or let hang, from now on
	unsigned int
}

func newReceiver(t testing.TB, address, secret string) *receiver {
	t.Helper()
	u := &receiver{t: t, secret: secret, tries: map[string]int{}, numbers: map[string]bool{}}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: u}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return u
}

func (u *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var letter struct{ Key, Kind, Number string }
	if err != nil || json.Unmarshal(body, &letter) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	at, signature, _ := strings.Cut(r.Header.Get("X-Hotline-Signature"), ",v1=")
	mac := hmac.New(sha256.New, []byte(u.secret))
	mac.Write([]byte(strings.TrimPrefix(at, "t=") + "." + string(body)))
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case hex.EncodeToString(mac.Sum(nil)) != signature || r.Header.Get("Idempotency-Key") != letter.Key:
		u.unsigned++
		w.WriteHeader(http.StatusForbidden)
	case u.sick > 0:
		u.sick--
		w.WriteHeader(http.StatusServiceUnavailable)
	case letter.Kind == "forward":
		u.tries[letter.Key]++
		u.numbers[letter.Number] = true
	}
}

const unitSecret = "a secret of the unit"

// complaints sends all letters to a receiver at an address.
func complaints(address string) string {
	to := fmt.Sprintf(`webhook: "http://%s/cases", secret: %q`, address, unitSecret)
	return fmt.Sprintf(`cases: {units: [{name: reception, %[1]s}], chief: {name: chief, %[1]s}}`, to)
}

// leaves is a caller who leaves a complaint and is about to press the key that sends it.
func (s *server) leaves() *phone.Call {
	s.t.Helper()
	c := s.dial(s.citizen(func(o *phone.Options) { o.User = citizenNumber }))
	pause(s.t, time.Second)
	s.press(c, "2")
	pause(s.t, 7*time.Second)
	s.press(c, "4")
	pause(s.t, 2*time.Second)
	s.press(c, "1")
	eventually(s.t, 20*time.Second, "the tone is over", func() bool { return s.traced(s.records()[0], "message.begun") })
	c.Media().Say(0.2, 700)
	pause(s.t, 3500*time.Millisecond)
	c.Media().Silence()
	return c
}

// The server is killed at any moment between the end of a message and its number. After the restart the
// message is there, with one case and one number, and the unit has it exactly once by its key, though it was
// sick before.
func TestKillBetweenAMessageAndItsNumber(t *testing.T) {
	s := journeyServer(t, complaints("127.0.0.1:7400"))
	u := newReceiver(t, "127.0.0.1:7400", unitSecret)
	if nightly() { // the second try comes a minute after the first
		u.sick = 1
	}
	s.start()
	rounds := 3
	if nightly() {
		rounds = 25
	}
	for i := range rounds {
		c := s.leaves()
		s.press(c, "#")
		if i%2 == 0 { // between the end and the number; else at the key that sends it, or right after
			eventually(t, 5*time.Second, "the message is kept", func() bool { return s.traced(s.records()[0], "message.left") })
		} else {
			pause(t, 600*time.Millisecond)
			s.press(c, "1")
		}
		time.Sleep(time.Duration(rand.IntN(40)) * time.Millisecond)
		s.kill()
		s.start()
		eventually(t, 20*time.Second, "the message has a case", func() bool { return len(s.cases()) == i+1 })
	}
	seen := map[string]bool{}
	for _, c := range s.cases() {
		if seen[c.Number] || c.Matter != "complaint" || c.Unit != "reception" || c.LengthMS < 2500 {
			t.Errorf("case %+v", c)
		}
		seen[c.Number] = true
		if len(s.files("data/messages/new")) != 0 {
			t.Error("a message waits for a case although it has one")
		}
	}
	bound := 90 * time.Second // the first try has failed: the second comes a minute later
	eventually(t, bound, "the unit has every case", func() bool {
		u.mu.Lock()
		defer u.mu.Unlock()
		return len(u.numbers) == rounds
	})
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.tries) != rounds || u.unsigned > 0 {
		t.Errorf("%d keys for %d cases, %d without a right signature", len(u.tries), rounds, u.unsigned)
	}
	for n := range u.numbers {
		if !seen[n] {
			t.Errorf("the unit was told of case %s, which there is not", n)
		}
	}
}

// What a caller has left lies encrypted on the disk, and is heard, as sox reads it, by whoever may: they are written
// down first, by whom the log of accesses and the history of the case say it.
func TestWhatACallerHasLeftIsHeard(t *testing.T) {
	const why = "to answer the complaint"
	s := journeyServer(t, complaints("127.0.0.1:7401"))
	newReceiver(t, "127.0.0.1:7401", unitSecret)
	for name, role := range map[string]string{"sara": "supervisor", "aydin": "admin"} {
		if out, code := s.command("correct horse battery\n", "user", "add", name, "--role", role); code != 0 {
			t.Fatal(out)
		}
	}
	recipient := regexp.MustCompile("age1[0-9a-z]+").FindString(run(t, program(t), "recording", "keygen", filepath.Join(t.TempDir(), "recovery.txt")))
	s.write("hotline.yaml", s.read("hotline.yaml")+"\nrecording: {encrypt: ["+recipient+"]}\n")
	s.start()
	c := s.leaves()
	s.press(c, "#")
	eventually(t, 5*time.Second, "the message is kept", func() bool { return s.traced(s.records()[0], "message.left") })
	s.press(c, "1")
	eventually(t, 20*time.Second, "the message has a case", func() bool { return len(s.cases()) == 1 })
	s.hangUp(c)
	for _, file := range s.files("data/messages") {
		if !slices.Contains([]string{".rec", ".key", ".json"}, filepath.Ext(file)) {
			t.Errorf("on the disk lies %s", file)
		}
	}
	of := s.cases()[0]
	taken := filepath.Join(t.TempDir(), "message.wav")
	if out, code := s.command("", "case", "export", of.Number, taken, "--by", "aydin", "--why", why); code != 1 {
		t.Errorf("the admin took it: exit %d: %s", code, out)
	}
	if out, code := s.command("", "case", "export", of.Number, taken, "--by", "sara", "--why", why); code != 0 {
		t.Fatalf("exit %d: %s", code, out)
	}
	raw, err := soxReads(t, taken)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make(phone.Sound, len(raw)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	second := pcm[len(pcm)/2-4000 : len(pcm)/2+4000]
	if ms := int64(len(pcm) / 8); ms != of.LengthMS || second.Tone(700) < 0.1 || second.Tone(700) < 10*second.Tone(440) {
		t.Errorf("sox hears %d ms, the case says %d; 700 Hz with %.2f", ms, of.LengthMS, second.Tone(700))
	}
	played, code := s.command("", "case", "play", of.Number, "--by", "sara", "--why", why)
	if file, err := os.ReadFile(taken); err != nil || code != 0 || played != string(file) {
		t.Errorf("played %d bytes of %d, exit %d", len(played), len(file), code)
	}
	accesses := ask[struct {
		Accesses []struct{ Who, Do, Refused string }
	}](s, "recording", "access", "--call", s.records()[0].ID).Accesses
	if len(accesses) != 3 || accesses[0].Refused == "" || accesses[1].Do != "export" || accesses[2].Do != "play" || accesses[2].Who != "sara" {
		t.Errorf("written down: %+v", accesses)
	}
	shown, _ := s.command("", "case", "show", of.Number)
	if strings.Count(shown, why) != 2 || strings.Count(shown, "heard") != 2 {
		t.Errorf("the history of the case: %s", shown)
	}
	if out, code := s.command("", "recording", "verify"); code != 0 {
		t.Errorf("verify: exit %d: %s", code, out)
	}
}

// A caseItem is one of `hotline case list`.
type caseItem struct {
	Number, Matter, Unit, State string
	Confidential                bool
	LengthMS                    int64 `json:"length_ms"`
}

func (s *server) cases() (list []caseItem) {
	s.t.Helper()
	out, code := s.command("", "case", "list", "--confidential", "-o", "json")
	var answer struct{ Cases []caseItem }
	if code != 0 || json.Unmarshal([]byte(out), &answer) != nil {
		s.t.Fatalf("case list: exit %d: %s", code, out)
	}
	return answer.Cases
}
