package cases

import (
	"bufio"
	"bytes"
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

func containsAny(text string, parts ...string) bool {
	for _, p := range parts {
		if strings.Contains(text, p) {
			return true
		}
	}
	return false
}

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

// aParcel is a case on its way to unit a.
func aParcel(m Mail) parcel {
	at := time.Date(2026, 11, 25, 6, 15, 0, 0, time.UTC)
	return parcel{
		Delivery: call.Delivery{Case: "0190-m1", Key: "0190-m1", Unit: "a", Channel: call.ByEmail},
		of: call.Case{
			ID: "0190-m1", Number: "2026-000012", From: "+994500001122", Language: "ru", Matter: call.MatterComplaint, Topic: "stay", Unit: "a",
			Opened: at, Due: at.Add(21*24*time.Hour + 7*time.Hour + 45*time.Minute), Path: "messages/m1.wav", Length: 83 * time.Second,
		},
		mail: m, zone: baku,
	}
}

func sounds(b []byte) func(string) (io.ReadCloser, error) {
	return func(path string) (io.ReadCloser, error) {
		if path != "messages/m1.wav" {
			return nil, errors.New("no such file")
		}
		return io.NopCloser(bytes.NewReader(b)), nil
	}
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

func TestALetterArrivesWhole(t *testing.T) {
	sound := bytes.Repeat([]byte("RIFF\x00\r\n.\r\n"), 10_000)
	secure, roots := certified(t)
	for name, c := range map[string]struct {
		tls     MailTLS
		overTLS bool
		secure  *tls.Config
		user    string
	}{
		"open":     {MailOpen, false, nil, ""},
		"starttls": {MailStartTLS, false, secure, "hotline"},
		"tls":      {MailOverTLS, true, secure, "hotline"},
	} {
		t.Run(name, func(t *testing.T) {
			server := startMail(t, c.secure, c.overTLS)
			m := Mail{Server: server.l.Addr().String(), From: "Qaynar xətt <hotline@example.org>", User: c.user, TLS: c.tls}
			if c.user != "" {
				m.Password = "secret"
			}
			courier := newCourier(t, CourierOptions{Outbox: newMemory(), Rules: twoUnits, Sound: sounds(sound), Roots: roots, Patience: 5 * time.Second})
			for range 2 {
				if err := courier.mail(t.Context(), Receiver{Email: "a@example.org"}, aParcel(m)); err != nil {
					t.Fatal(err)
				}
			}
			letters := server.got()
			if len(letters) != 2 || server.secured != (c.tls != MailOpen) {
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
			if id := head.Get("Message-ID"); id != "<0190-m1@example.org>" || again.Get("Message-ID") != id {
				t.Errorf("ids %s, %s", id, again.Get("Message-ID"))
			}
			subject, _ := new(mime.WordDecoder).DecodeHeader(head.Get("Subject"))
			if subject != "Müraciət 2026-000012: şikayət, son tarix 16.12.2026" {
				t.Errorf("subject %q", subject)
			}
			for _, want := range []string{"2026-000012", "şikayət", "stay", "rus dili", "25.11.2026 10:15", "16.12.2026 18:00", "+994500001122", "83 san, əlavə edilib"} {
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

// Each thing that may go wrong has its class, nothing half arrives, and when the server is back the
// letter does.
func TestAMailServerInTrouble(t *testing.T) {
	secure, _ := certified(t)
	for name, c := range map[string]struct {
		wrong   string
		m       Mail
		class   string
		arrived int // all the same
	}{
		"nothing is wrong":          {"", Mail{}, "", 1},
		"it is full":                {"is full", Mail{}, "busy", 0},
		"it does not know the unit": {"refuses", Mail{}, "rejected", 0},
		"it is greylisting":         {"is greylisting", Mail{}, "busy", 0},
		"it has no room":            {"has no room", Mail{}, "busy", 0},
		"it hangs":                  {"hangs", Mail{}, "timeout", 0},
		"it drops in the middle":    {"drops in the middle", Mail{}, "cut", 0},
		"it hangs in the middle":    {"hangs in the middle", Mail{}, "timeout", 0},
		"it dies before it says so": {"dies before it says so", Mail{}, "cut", 1},
		"it knows nobody":           {"knows nobody", Mail{User: "x", Password: "y"}, "auth", 0},
		"it offers no STARTTLS":     {"", Mail{TLS: MailStartTLS}, "tls", 0},
		"nobody vouches for it":     {"secure", Mail{TLS: MailStartTLS}, "tls", 0},
		"it speaks no TLS":          {"", Mail{TLS: MailOverTLS}, "tls", 0},
		"there is none":             {"", Mail{Server: "127.0.0.1:1"}, "connect", 0},
		"its address is none":       {"", Mail{Server: "mail"}, "gone", 0},
		"our own address is none":   {"", Mail{From: "hotline"}, "gone", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var offered *tls.Config
			if c.wrong == "secure" {
				offered = secure
			}
			server := startMail(t, offered, false)
			server.goWrong(c.wrong)
			if c.m.Server == "" {
				c.m.Server = server.l.Addr().String()
			}
			if c.m.From == "" {
				c.m.From = "hotline@example.org"
			}
			courier := newCourier(t, CourierOptions{Outbox: newMemory(), Rules: twoUnits, Sound: sounds(bytes.Repeat([]byte("x"), 400_000)), Patience: 300 * time.Millisecond})
			err := courier.mail(t.Context(), Receiver{Email: "a@example.org"}, aParcel(c.m))
			if (c.class == "") != (err == nil) || err != nil && class(err) != c.class {
				t.Errorf("class %q of %v, want %q", class(err), err, c.class)
			}
			if n := len(server.got()); n != c.arrived {
				t.Errorf("%d letters arrived", n)
			}
			server.goWrong("")
			c.m.Server, c.m.From, c.m.TLS, c.m.User = server.l.Addr().String(), "hotline@example.org", MailOpen, ""
			if err := courier.mail(t.Context(), Receiver{Email: "a@example.org"}, aParcel(c.m)); err != nil || len(server.got()) != c.arrived+1 {
				t.Errorf("back again: %v, %d letters", err, len(server.got()))
			}
		})
	}
}

// A stop cuts off what is on its way.
func TestAStopWaitsForNoMailServer(t *testing.T) {
	server := startMail(t, nil, false)
	server.goWrong("hangs")
	courier := newCourier(t, CourierOptions{Outbox: newMemory(), Rules: twoUnits, Patience: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	began := time.Now()
	err := courier.mail(ctx, Receiver{Email: "a@example.org"}, aParcel(Mail{Server: server.l.Addr().String(), From: "h@example.org", TLS: MailOpen}))
	if took := time.Since(began); err == nil || took > 10*time.Second {
		t.Errorf("%v after %s", err, took)
	}
}

func TestSubjectsAndTexts(t *testing.T) {
	for name, c := range map[string]struct {
		percent      int
		confidential bool
		subject      string
		text         string
	}{
		"a case":                     {0, false, "Müraciət 2026-000012: şikayət, son tarix 16.12.2026", "qeydiyyata alınıb"},
		"half of the term is over":   {50, false, "Xatırlatma (50 %): müraciət 2026-000012: şikayət, son tarix 16.12.2026", "50 faizi keçib"},
		"the term is over":           {100, false, "Xatırlatma (100 %): müraciət 2026-000012: şikayət, son tarix 16.12.2026", "başa çatıb"},
		"confidential":               {0, true, "Məxfi müraciət 2026-000012", "məxfidir"},
		"confidential, and reminded": {80, true, "Xatırlatma (80 %): məxfi müraciət 2026-000012", "məxfidir"},
	} {
		p := aParcel(Mail{})
		p.Percent, p.of.Confidential = c.percent, c.confidential
		if got := subject(p); got != c.subject {
			t.Errorf("%s: subject %q", name, got)
		}
		if got := text(p, ""); !strings.Contains(got, c.text) {
			t.Errorf("%s: text\n%s", name, got)
		}
	}
}

func TestWhichSoundsAreAttached(t *testing.T) {
	c := newCourier(t, CourierOptions{Outbox: newMemory(), Rules: twoUnits, Sound: sounds(make([]byte, soundMost))})
	p := aParcel(Mail{})
	if b, why := c.sound(p); len(b) != soundMost || why != "əlavə edilib" {
		t.Errorf("5 MB: %d bytes, %s", len(b), why)
	}
	c.o.Sound = sounds(make([]byte, soundMost+1))
	if b, why := c.sound(p); b != nil || !strings.Contains(why, "böyükdür") {
		t.Errorf("more: %d bytes, %s", len(b), why)
	}
	for name, change := range map[string]func(*parcel){
		"a reminder":        func(p *parcel) { p.Percent = 50 },
		"no path":           func(p *parcel) { p.of.Path = "" },
		"an encrypted file": func(p *parcel) { p.of.Path = "messages/m1.rec" },
		"a lost file":       func(p *parcel) { p.of.Path = "messages/m2.wav" },
	} {
		p := aParcel(Mail{})
		change(&p)
		if b, why := c.sound(p); b != nil || why == "" {
			t.Errorf("%s: %d bytes, %q", name, len(b), why)
		}
	}
}
