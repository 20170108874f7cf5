//go:build acceptance

package acceptance

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotline/phone"
)

// A journey leaves neither the caller's number nor a pressed key where it does not belong: in the
// log, in /metrics, or in any header that is not there to name the caller, Reason and Warning
// above all. And the log of a caller who pressed other keys is the same log.
func TestPrivacy(t *testing.T) {
	var logs [2][]string
	for i, keys := range []string{"72", "43"} {
		t.Run("keys "+keys, func(t *testing.T) {
			s := newServer(t)
			s.importOperators(2)
			s.start()
			wire := capture(t)
			s.journey(keys)
			metrics := s.page("/metrics")
			s.secretsAreSealed("while the server runs")
			s.signal(syscall.SIGTERM)
			eventually(t, 5*time.Second, "/readyz is 503", func() bool { return status(s) == 503 })
			s.signal(syscall.SIGTERM)
			s.ended(15*time.Second, 0)
			s.secretsAreSealed("after it")
			headers := wire()
			log := s.read("serve.log")
			for where, text := range map[string]string{
				"the log": log, "/metrics": metrics, "a header": strings.Join(headers, "\n"),
			} {
				if line := regexp.MustCompile(`.*123456789.*`).FindString(text); line != "" {
					t.Errorf("%s holds the caller's number: %s", where, line)
				}
			}
			// Which key chose the language is said by the language alone.
			speaksOfKeys := regexp.MustCompile(`(?i)dtmf|digit|\bkeys?\b[^_]*[:= ]"?[0-9]`)
			for where, text := range map[string]string{"the log": log, "a header": strings.Join(headers, "\n")} {
				if found := speaksOfKeys.FindString(text); found != "" {
					t.Errorf("%s speaks of keys: %s", where, found)
				}
			}
			logs[i] = said(t, log)
		})
	}
	if !slices.Equal(logs[0], logs[1]) {
		t.Errorf("the log depends on the keys pressed:\n%s\n\n%s", strings.Join(logs[0], "\n"), strings.Join(logs[1], "\n"))
	}
	if len(logs[0]) < 8 {
		t.Errorf("the log says too little to prove anything: %q", logs[0])
	}
}

// journey lets callers end in every way that tells a telephone why: an operator's hang-up, a busy
// telephone, one that stops ringing, a refusal. The last one is still in the queue.
func (s *server) journey(keys string) {
	s.t.Helper()
	first := s.operatorPhone(operatorName(0))
	c := s.dial(s.citizen())
	s.press(c, keys)
	taken := s.rung(first)
	s.together(c, taken, 1000)
	s.hangUp(taken)
	s.over(c)

	c = s.dial(s.citizen())
	s.press(c, keys)
	ringing := s.rung(first)
	s.hangUp(c)
	s.over(ringing)

	first.Behave(phone.Manners{RejectWith: 486})
	second := s.operatorPhone(operatorName(1))
	c = s.dial(s.citizen())
	s.press(c, keys)
	taken = s.rung(second)
	s.together(c, taken, 1000)
	s.hangUp(c)
	s.over(taken)
	second.Unregister(within(s.t, 5*time.Second))

	if _, err := s.citizen(func(o *phone.Options) { o.Codec = "G729" }).Dial(within(s.t, 5*time.Second), phone.DialOptions{To: line919}); code(err) != 488 {
		s.t.Errorf("a call without a common codec: %v, want 488", err)
	}

	c = s.dial(s.citizen())
	s.press(c, keys)
	s.becomes(`hotline_queue_waiting{queue="general"}`, 1)
}

// said is what a log says, without what differs from run to run (times, identities, ports) and
// without the language.
func said(t *testing.T, log string) (lines []string) {
	t.Helper()
	for _, l := range strings.Split(strings.TrimSpace(log), "\n") {
		var fields map[string]any
		if err := json.Unmarshal([]byte(l), &fields); err != nil {
			t.Fatalf("not a line of JSON: %s", l)
		}
		for _, k := range []string{"time", "took", "waited", "talked", "call", "leg", "sip_call_id", "remote", "language", "free_bytes", "free_share"} {
			delete(fields, k)
		}
		b, err := json.Marshal(fields)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(b))
	}
	slices.Sort(lines) // what two calls say may cross
	return lines
}

// secretsAreSealed looks for passwords, SIP secrets and what is as good as them, the HA1, in
// every file under data.
func (s *server) secretsAreSealed(when string) {
	s.t.Helper()
	files := s.files("data")
	if !slices.ContainsFunc(files, func(f string) bool { return strings.HasSuffix(f, "hotline.db") }) {
		s.t.Fatalf("no hotline.db among %q", files)
	}
	for name, secret := range s.secrets {
		a1 := []byte(name + ":hotline:" + secret)
		weak, strong := md5.Sum(a1), sha256.Sum256(a1)
		for what, raw := range map[string][]byte{
			"SIP secret": []byte(secret), "password": []byte(strings.Replace(name, "op", "password", 1)),
			"MD5 HA1": weak[:], "SHA-256 HA1": strong[:],
		} {
			for form, text := range map[string]string{
				"raw": string(raw), "as hex": hex.EncodeToString(raw), "as base64": base64.RawStdEncoding.EncodeToString(raw),
			} {
				for _, f := range files {
					body := s.read(f)
					if strings.Contains(body, text) || strings.Contains(body, strings.ToUpper(text)) {
						s.t.Errorf("%s: %s holds the %s of %s %s", when, f, what, name, form)
					}
				}
			}
		}
	}
}

// The lines that name the caller by their nature, the first one of a request to the caller's own
// telephone included: what else is on the wire has no business with the number. The packet's
// header stands before a first line and may look like text.
var namesCaller = regexp.MustCompile(`^(?:From|To|Contact): |(?:BYE|OPTIONS|INVITE|ACK|CANCEL) sip:\S+ SIP/2\.0$`)

// capture watches all SIP on loopback. What it returns ends that and gives every line that was on
// the wire and does not name the caller by its nature.
func capture(t *testing.T) (headers func() []string) {
	t.Helper()
	file := onLoopback(t)
	return func() (others []string) {
		t.Helper()
		b, err := os.ReadFile(file())
		if err != nil {
			t.Fatal(err)
		}
		naming := 0
		for _, l := range strings.Split(string(b), "\r\n") {
			switch {
			case !namesCaller.MatchString(l):
				others = append(others, l)
			case strings.Contains(l, "123456789"):
				naming++
			}
		}
		if naming < 20 || len(others) < 100 {
			t.Fatalf("tshark saw too little: %d headers that name the caller, %d others", naming, len(others))
		}
		return others
	}
}
