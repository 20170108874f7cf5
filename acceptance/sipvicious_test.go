//go:build acceptance

package acceptance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"hotline/phone"
)

// The scanner that the telephone swindlers of the world use, from an address that is nobody's: it finds
// no server on the trunk side, and on the phone side neither who is there nor a password, even if
// the right one is in its book. The telephone it is after stays registered all the while.
func TestSIPVicious(t *testing.T) {
	s := newServer(t)
	// The tools speak from 127.0.0.1, whatever they are told.
	s.change(map[string]string{"from: [127.0.0.0/8]": "from: [127.0.0.99/32]"})
	for _, name := range []string{"1005", "1010"} {
		s.addOperator(name, "az")
	}
	s.start()
	op := s.operatorPhone("1005", func(o *phone.Options) { o.Listen = "127.0.0.2:0" })
	const trunks, phones = "5060", "5070"

	t.Run("svmap", func(t *testing.T) {
		for _, c := range []struct {
			port, method string
			heard        bool // a REGISTER on the phone side is answered: a telephone is set up that way
		}{{trunks, "OPTIONS", false}, {trunks, "INVITE", false}, {trunks, "REGISTER", false}, {phones, "OPTIONS", false}, {phones, "INVITE", false}, {phones, "REGISTER", true}} {
			out := sipvicious(t, "svmap", "-p"+c.port, "-m", c.method, "127.0.0.1")
			if found := strings.Contains(out, "127.0.0.1:"+c.port); found != c.heard {
				t.Errorf("%s to %s: %s", c.method, c.port, out)
			}
			if strings.Contains(strings.ToLower(out), "hotline") {
				t.Errorf("it learns what we are: %s", out)
			}
		}
	})

	t.Run("svwar", func(t *testing.T) {
		for _, method := range []string{"REGISTER", "INVITE", "OPTIONS"} {
			for _, port := range []string{trunks, phones} {
				out := sipvicious(t, "svwar", "-p"+port, "-m", method, "--force", "-e1000-1014", "127.0.0.1")
				got := extensions(out)
				// With --force it lists whom it was asked for a password: then everybody, or those
				// before its budget was spent, whether they are there or not.
				if len(got) > 0 && (method != "REGISTER" || port != phones || !got["1000"] || !got["1001"]) || len(got) < 5 && got["1005"] {
					t.Errorf("%s to %s: %s", method, port, out)
				}
			}
		}
		if out := sipvicious(t, "svwar", "-p"+phones, "-e1000-1014", "127.0.0.1"); len(extensions(out)) > 0 {
			t.Errorf("it finds users: %s", out)
		}
	})

	t.Run("svcrack", func(t *testing.T) {
		var book strings.Builder
		for i := range 200 {
			if i == 60 {
				fmt.Fprintln(&book, s.secrets["1005"])
			}
			fmt.Fprintf(&book, "password%d\n", i)
		}
		s.write("book.txt", book.String())
		for _, user := range []string{"1005", "1010", "nobody"} {
			out := sipvicious(t, "svcrack", "-p"+phones, "-u", user, "--domain=hotline", "-d", s.dir+"/book.txt", "127.0.0.1")
			if strings.Contains(out, s.secrets["1005"]) || strings.Contains(out, "password is") {
				t.Errorf("it finds a password of %s: %s", user, out)
			}
			if err := op.Register(within(t, 10*time.Second), 2*time.Minute); err != nil {
				t.Errorf("the telephone of 1005 was locked out: %v", err)
			}
		}
		if s.sum("hotline_sip_registrations") != 1 {
			t.Error("somebody else is registered")
		}
	})

	// svcrack of today breaks off at our challenges, which offer SHA-256. One who does not, guesses
	// eleven times; then even the right word is not looked at.
	t.Run("guessing", func(t *testing.T) {
		guess := func(secret string) error {
			p, err := phone.New(phone.Options{Listen: "127.0.0.3:0", User: "1010", Secret: secret, Server: "127.0.0.1:" + phones})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			return p.Register(within(t, 2*time.Second), time.Minute)
		}
		for i := range 11 {
			if guess(fmt.Sprint("password", i)) == nil {
				t.Error("a wrong password is taken")
			}
		}
		if guess(s.secrets["1010"]) == nil {
			t.Error("guessing goes on until it is right")
		}
		if err := op.Register(within(t, 10*time.Second), 2*time.Minute); err != nil {
			t.Errorf("somebody else was locked out: %v", err)
		}
		// Who it was about can still come from elsewhere; from a network apart, that is.
		own := s.operatorPhone("1010", func(o *phone.Options) { o.Listen = "127.0.1.1:0" })
		if err := own.Unregister(within(t, 10*time.Second)); err != nil {
			t.Error(err)
		}
	})

	c, err := s.citizen(func(o *phone.Options) { o.Listen = "127.0.0.99:0" }).Dial(within(t, 10*time.Second), phone.DialOptions{To: line919})
	if err != nil {
		t.Fatalf("a citizen's call afterwards: %v", err)
	}
	s.hangUp(c)
	s.unharmed()
}

// listed is a row of a result: the tools draw a table, and tell what they find while they go.
var listed = regexp.MustCompile(`(?m)^\|\s*(\S+)\s*\|\s*(reqauth|noauth|weird)`)

func extensions(out string) map[string]bool {
	all := map[string]bool{}
	for _, m := range listed.FindAllStringSubmatch(out, -1) {
		all[m[1]] = true
	}
	return all
}

// sipvicious runs one of its tools for at most half a minute.
func sipvicious(t *testing.T, tool string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c := exec.CommandContext(ctx, tool, args...)
	c.Dir = t.TempDir()
	c.Env = append(os.Environ(), "HOME="+c.Dir, "COLUMNS=200")
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %v: %v\n%s", tool, args, err, out)
	}
	return string(out)
}
