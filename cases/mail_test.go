package cases

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/call"
)

// A mailServer is the part of SMTP that a submission needs, and what can go wrong with it.
type mailServer struct {
	t       *testing.T
	l       net.Listener
	secure  *tls.Config // nil: no STARTTLS
	mu      sync.Mutex
	wrong   string // what goes wrong; empty: nothing
	letters [][]byte
	signed  string // AUTH PLAIN, as sent
	secured bool   // the last letter came over TLS
	wg      sync.WaitGroup
	conns   []net.Conn
}

func startMail(t *testing.T, secure *tls.Config, overTLS bool) *mailServer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &mailServer{t: t, l: l, secure: secure}
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns = append(s.conns, conn)
			s.mu.Unlock()
			s.wg.Go(func() {
				defer conn.Close()
				if overTLS {
					s.serve(tls.Server(conn, secure), true)
					return
				}
				s.serve(conn, false)
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		s.mu.Lock()
		for _, c := range s.conns {
			c.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	})
	return s
}

func (s *mailServer) goWrong(how string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = how
}

func (s *mailServer) is(how string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wrong == how
}

func (s *mailServer) got() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.letters
}

func (s *mailServer) serve(conn net.Conn, secured bool) {
	in := bufio.NewReader(conn)
	say := func(line string) { _, _ = io.WriteString(conn, line+"\r\n") }
	switch {
	case s.is("hangs"):
		_, _ = io.Copy(io.Discard, in)
		return
	case s.is("is full"):
		say("421 try later")
		return
	}
	say("220 mail.example.org")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch strings.ToUpper(verb) {
		case "EHLO":
			say("250-mail.example.org")
			if s.secure != nil && !secured {
				say("250-STARTTLS")
			}
			say("250 AUTH PLAIN")
		case "STARTTLS":
			say("220 go on")
			over := tls.Server(conn, s.secure)
			s.serveOn(over)
			return
		case "AUTH":
			if s.is("knows nobody") {
				say("535 no")
				continue
			}
			s.mu.Lock()
			s.signed = rest
			s.mu.Unlock()
			say("235 good")
		case "RCPT":
			switch {
			case s.is("refuses"):
				say("550 no such user")
			case s.is("is greylisting"):
				say("451 try later")
			default:
				say("250 good")
			}
		case "DATA":
			if !s.data(conn, in, say, secured) {
				return
			}
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 good")
		}
	}
}

// serveOn goes on over TLS, without another greeting.
func (s *mailServer) serveOn(over *tls.Conn) {
	s.serve(&greeted{Conn: over}, true)
}

// greeted swallows the greeting, which is not said twice.
type greeted struct {
	net.Conn
	said bool
}

func (g *greeted) Write(b []byte) (int, error) {
	if !g.said {
		g.said = true
		return len(b), nil
	}
	return g.Conn.Write(b)
}

// data takes a letter; false: the connection is over.
func (s *mailServer) data(conn net.Conn, in *bufio.Reader, say func(string), secured bool) bool {
	say("354 go on")
	if s.is("drops in the middle") {
		_, _ = io.CopyN(io.Discard, in, 100)
		return false
	}
	if s.is("hangs in the middle") {
		_, _ = io.Copy(io.Discard, in) // takes all and never answers
		return false
	}
	var letter bytes.Buffer
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return false // half a letter is none
		}
		if line == ".\r\n" {
			break
		}
		letter.WriteString(strings.TrimPrefix(line, "."))
	}
	if s.is("has no room") {
		say("452 no room")
		return true
	}
	s.mu.Lock()
	s.letters, s.secured = append(s.letters, letter.Bytes()), secured
	s.mu.Unlock()
	if s.is("dies before it says so") {
		return false
	}
	say("250 taken")
	return true
}

// aLetter is the case itself on its way to unit a.
func aLetter() (Letter, Case) {
	at := time.Date(2026, 11, 25, 6, 15, 0, 0, time.UTC) // as rows have it
	return Letter{Key: "0190-m1/forward", Case: "0190-m1", To: "a", Kind: "forward", Way: WayMail, Made: at}, Case{
		ID: "0190-m1", Number: "2026-000012", From: "+994500001122", Language: "ru", Matter: call.MatterComplaint, Topic: "stay", Unit: "a",
		Opened: at, Due: time.Date(2026, 12, 16, 19, 59, 59, 0, time.UTC), Message: "messages/m1.wav", Length: 83 * time.Second,
	}
}

func sounds(b []byte) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if path != "messages/m1.wav" {
			return nil, errors.New("no such file")
		}
		return b, nil
	}
}

// by mails with these options.
func by(o MailOptions, sound []byte, roots *x509.CertPool) *Mail {
	o.Zone = baku
	return &Mail{Options: func() MailOptions { return o }, Sound: sounds(sound), Roots: roots}
}

// certified is a certificate of 127.0.0.1 and who vouches for it.
func certified(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return &tls.Config{Certificates: server.TLS.Certificates}, roots
}

// A paper that is no letter about a case, with what is attached.
func TestAPaperArrivesWhole(t *testing.T) {
	server := startMail(t, nil, false)
	m := by(MailOptions{Server: server.l.Addr().String(), From: "hotline@example.org", TLS: "none"}, nil, nil)
	p := Paper{Key: "head/node/2026-12-05", Subject: "Zəncir", Text: "keep it", Name: "head.json", Attached: []byte("{}\n")}
	if err := m.Post(t.Context(), "a@example.org", p); err != nil {
		t.Fatal(err)
	}
	letters := server.got()
	if len(letters) != 1 {
		t.Fatalf("%d letters", len(letters))
	}
	head, body, attached := read(t, letters[0])
	if head.Get("Message-ID") != "<head.node.2026-12-05@example.org>" || !strings.Contains(body, "keep it") || string(attached) != "{}\n" {
		t.Errorf("%v\n%s\n%s", head, body, attached)
	}
	if err := m.Post(t.Context(), "", p); err == nil {
		t.Error("a paper to nobody arrives")
	}
}

func TestALetterArrivesWhole(t *testing.T) {
	sound := bytes.Repeat([]byte("RIFF\x00\r\n.\r\n"), 10_000)
	secure, roots := certified(t)
	for name, c := range map[string]struct {
		tls     string
		overTLS bool
		secure  *tls.Config
		user    string
	}{
		"open":     {"none", false, nil, ""},
		"starttls": {"starttls", false, secure, "hotline"},
		"tls":      {"tls", true, secure, "hotline"},
	} {
		t.Run(name, func(t *testing.T) {
			server := startMail(t, c.secure, c.overTLS)
			o := MailOptions{Server: server.l.Addr().String(), From: "hotline@example.org", User: c.user, TLS: c.tls}
			if c.user != "" {
				o.Password = "secret"
			}
			l, of := aLetter()
			for range 2 {
				if err := by(o, sound, roots).Carry(t.Context(), Receiver{Email: "a@example.org"}, l, of); err != nil {
					t.Fatal(err)
				}
			}
			letters := server.got()
			if len(letters) != 2 || server.secured != (c.tls != "none") {
				t.Fatalf("%d letters, over TLS %v", len(letters), server.secured)
			}
			if c.user != "" {
				sent, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(server.signed, "PLAIN "))
				if string(sent) != "\x00hotline\x00secret" {
					t.Errorf("signed in as %q", sent)
				}
			}
			head, body, attached := read(t, letters[0])
			again, _, _ := read(t, letters[1])
			if id := head.Get("Message-ID"); id != "<0190-m1.forward@example.org>" || again.Get("Message-ID") != id {
				t.Errorf("ids %s, %s", id, again.Get("Message-ID"))
			}
			subject, _ := new(mime.WordDecoder).DecodeHeader(head.Get("Subject"))
			if subject != "Müraciət 2026-000012: şikayət" || head.Get("Auto-Submitted") != "auto-generated" {
				t.Errorf("subject %q, %s", subject, head.Get("Auto-Submitted"))
			}
			for _, want := range []string{"2026-000012", "şikayət", "stay", "rus", "25.11.2026 10:15", "16.12.2026 23:59", "+994500001122", "səs yazısı əlavə olunur"} {
				if !strings.Contains(body, want) {
					t.Errorf("%q is not in the letter:\n%s", want, body)
				}
			}
			if !bytes.Equal(attached, sound) {
				t.Errorf("%d bytes of sound arrived, %d were sent", len(attached), len(sound))
			}
		})
	}
}

// read takes a letter apart.
func read(t *testing.T, letter []byte) (head mail.Header, body string, attached []byte) {
	t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(letter))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	for parts := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return m.Header, body, attached
		}
		if err != nil {
			t.Fatal(err)
		}
		if p.Header.Get("Content-Transfer-Encoding") == "base64" {
			attached, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, p))
		} else {
			var b []byte
			b, err = io.ReadAll(quotedprintable.NewReader(p))
			body = string(b)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Each thing that may go wrong has its class, nothing half arrives, and when the server is back the letter
// does.
func TestAMailServerInTrouble(t *testing.T) {
	secure, _ := certified(t)
	for name, c := range map[string]struct {
		wrong   string
		o       MailOptions
		class   string
		arrived int // all the same
	}{
		"nothing is wrong":          {"", MailOptions{}, "", 1},
		"it is full":                {"is full", MailOptions{}, "unreachable", 0},
		"it does not know the unit": {"refuses", MailOptions{}, "refused", 0},
		"it is greylisting":         {"is greylisting", MailOptions{}, "refused", 0},
		"it has no room":            {"has no room", MailOptions{}, "refused", 0},
		"it hangs":                  {"hangs", MailOptions{}, "slow", 0},
		"it drops in the middle":    {"drops in the middle", MailOptions{}, "unreachable", 0},
		"it hangs in the middle":    {"hangs in the middle", MailOptions{}, "slow", 0},
		"it dies before it says so": {"dies before it says so", MailOptions{}, "unreachable", 1},
		"it knows nobody":           {"knows nobody", MailOptions{User: "x", Password: "y", TLS: "none"}, "unreachable", 0},
		"it offers no STARTTLS":     {"", MailOptions{TLS: "starttls"}, "unreachable", 0},
		"nobody vouches for it":     {"secure", MailOptions{TLS: "starttls"}, "unreachable", 0},
		"it speaks no TLS":          {"", MailOptions{TLS: "tls"}, "unreachable", 0},
		"there is none":             {"", MailOptions{Server: "127.0.0.1:1"}, "unreachable", 0},
		"its address is none":       {"", MailOptions{Server: "mail"}, "unreachable", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var offered *tls.Config
			if c.wrong == "secure" {
				offered = secure
			}
			server := startMail(t, offered, false)
			server.goWrong(c.wrong)
			o := c.o
			o.Server, o.From, o.TLS = cmp.Or(o.Server, server.l.Addr().String()), "hotline@example.org", cmp.Or(o.TLS, "none")
			l, of := aLetter()
			sound := bytes.Repeat([]byte("x"), 400_000)
			try := func(o MailOptions, within time.Duration) error {
				ctx, cancel := context.WithTimeout(t.Context(), within)
				defer cancel()
				return by(o, sound, nil).Carry(ctx, Receiver{Email: "a@example.org"}, l, of)
			}
			within := carryTime // a busy machine must not look like a server that hangs
			if c.class == "slow" {
				within = 300 * time.Millisecond
			}
			began := time.Now()
			err := try(o, within)
			if (c.class == "") != (err == nil) || err != nil && class(err) != c.class {
				t.Errorf("class %q of %v, want %q", class(err), err, c.class)
			}
			if took := time.Since(began); c.class == "slow" && took > carryTime/2 {
				t.Errorf("it took %s", took)
			}
			if n := len(server.got()); n != c.arrived {
				t.Errorf("%d letters arrived", n)
			}
			server.goWrong("")
			if err := try(MailOptions{Server: server.l.Addr().String(), From: o.From, TLS: "none"}, carryTime); err != nil || len(server.got()) != c.arrived+1 {
				t.Errorf("back again: %v, %d letters", err, len(server.got()))
			}
		})
	}
}

func TestSubjectsAndTexts(t *testing.T) {
	for name, c := range map[string]struct {
		kind         string
		confidential bool
		subject      string
		text         string
	}{
		"a case":                     {"forward", false, "Müraciət 2026-000012: şikayət", "Qeydiyyat nömrəsi: 2026-000012"},
		"half of the term is over":   {"50", false, "Xatırlatma (50 %): müraciət 2026-000012: şikayət", "50 faizi keçib"},
		"confidential":               {"forward", true, "Müraciət 2026-000012 (məxfi)", "Mövzu: stay"},
		"confidential, and reminded": {"80", true, "Xatırlatma (80 %): müraciət 2026-000012 (məxfi)", "80 faizi keçib"},
	} {
		l, of := aLetter()
		l.Kind, of.Confidential = c.kind, c.confidential
		if got := subject(l, of); got != c.subject {
			t.Errorf("%s: subject %q", name, got)
		}
		if got := text(l, of, baku, ""); !strings.Contains(got, c.text) {
			t.Errorf("%s: text\n%s", name, got)
		}
	}
}

// A sound that is too large or lost holds up no letter, and the letter says so.
func TestWhichSoundsAreAttached(t *testing.T) {
	for name, c := range map[string]struct {
		size   int
		change func(*Letter, *Case)
		sent   bool
		about  string
	}{
		"5 MB":        {mostAttached, func(*Letter, *Case) {}, true, "əlavə olunur"},
		"more":        {mostAttached + 1, func(*Letter, *Case) {}, false, "böyükdür"},
		"a reminder":  {1, func(l *Letter, _ *Case) { l.Kind = "50" }, false, ""},
		"no sound":    {1, func(_ *Letter, c *Case) { c.Message = "" }, false, ""},
		"a lost file": {1, func(_ *Letter, c *Case) { c.Message = "messages/m2.wav" }, false, "oxunmadı"},
	} {
		l, of := aLetter()
		c.change(&l, &of)
		m := by(MailOptions{From: "h@example.org"}, make([]byte, c.size), nil)
		if b, about := m.sound(l, of); (b != nil) != c.sent || !strings.Contains(about, c.about) || (c.about == "") != (about == "") {
			t.Errorf("%s: %d bytes, %q", name, len(b), about)
		}
		if _, err := m.write(m.Options(), Receiver{Email: "a@example.org"}, l, of); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
