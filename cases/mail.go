package cases

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"hotline/call"
)

// A Mail carries letters by e-mail (RFC 5321).
type Mail struct {
	Options func() MailOptions // as configured now

	// Sound reads the recording of a message; nil: none is attached.
	Sound func(path string) ([]byte, error)

	Roots *x509.CertPool // that the server's certificate comes from; nil: the system's
}

// MailOptions are how e-mail leaves.
type MailOptions struct {
	Server         string // host:port
	From           string
	User, Password string
	TLS            string // starttls, tls or none
	Zone           *time.Location
}

// mostAttached bounds a recording in a letter: five minutes.
const mostAttached = 5 << 20

// Carry implements Carrier. The Message-ID is made of the letter's key, so a mailbox that gets it twice
// can tell.
func (m *Mail) Carry(ctx context.Context, to Receiver, l Letter, c Case) error {
	o := m.Options()
	if to.Email == "" || o.Server == "" {
		return errNobody
	}
	msg, err := m.write(o, to, l, c)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	return m.send(ctx, o, msg)
}

// A Paper is something to be sent that is no letter about a case. Its key is what a mailbox that gets it twice can
// tell by.
type Paper struct {
	Key, Subject, Text string
	Name               string // of what is attached; empty: nothing is
	Attached           []byte
}

// Post sends a paper to an address.
func (m *Mail) Post(ctx context.Context, to string, p Paper) error {
	o := m.Options()
	if to == "" || o.Server == "" {
		return errNobody
	}
	msg, err := begin(o, to, p.Key)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	msg.SetDate()
	msg.Subject(p.Subject)
	msg.SetBodyString(mail.TypeTextPlain, p.Text)
	if p.Name != "" {
		if err := msg.AttachReader(p.Name, bytes.NewReader(p.Attached)); err != nil {
			return fmt.Errorf("mail: %w", err)
		}
	}
	return m.send(ctx, o, msg)
}

// send hands a message to the server.
func (m *Mail) send(ctx context.Context, o MailOptions, msg *mail.Msg) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // which closes what a failure has left open
	client, err := m.client(ctx, o)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		if late := ctx.Err(); late != nil {
			return fmt.Errorf("mail: %w: %w", late, err)
		}
		var refused *mail.SendError
		if errors.As(err, &refused) && refused.ErrorCode() >= 400 {
			return &Refused{refused.ErrorCode()}
		}
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}

func (m *Mail) client(ctx context.Context, o MailOptions) (*mail.Client, error) {
	host, port, err := net.SplitHostPort(o.Server)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	secure := &tls.Config{ServerName: host, RootCAs: m.Roots, MinVersion: tls.VersionTLS12}
	options := []mail.Option{
		mail.WithPort(n), mail.WithTimeout(carryTime), mail.WithTLSConfig(secure), mail.WithDialContextFunc(dial(ctx, o.TLS == "tls", secure)),
	}
	switch o.TLS {
	case "tls":
		// The connection is secure before the library has it, which it finds out so; a server offers no
		// STARTTLS on one that is.
		options = append(options, mail.WithTLSPolicy(mail.TLSOpportunistic))
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if o.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(o.User), mail.WithPassword(o.Password))
	}
	return mail.NewClient(host, options...)
}

// dial connects for as long as a context lasts: the library listens to it only until it is connected.
func dial(whole context.Context, overTLS bool, secure *tls.Config) mail.DialContextFunc {
	return func(ctx context.Context, network, at string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, at)
		if err != nil {
			return nil, err
		}
		context.AfterFunc(whole, func() { _ = conn.Close() })
		if !overTLS {
			return conn, nil
		}
		over := tls.Client(conn, secure)
		return over, over.HandshakeContext(ctx)
	}
}

// write makes the letter. It is in Azerbaijani, the language of the state.
func (m *Mail) write(o MailOptions, to Receiver, l Letter, c Case) (*mail.Msg, error) {
	msg, err := begin(o, to.Email, l.Key)
	if err != nil {
		return nil, err
	}
	msg.SetDateWithValue(l.Made)
	msg.Subject(subject(l, c))
	sound, about := m.sound(l, c)
	msg.SetBodyString(mail.TypeTextPlain, text(l, c, o.Zone, about))
	if sound != nil {
		if err := msg.AttachReader(c.Number+".wav", bytes.NewReader(sound)); err != nil {
			return nil, err
		}
	}
	return msg, nil
}

// begin is a message from us to an address.
func begin(o MailOptions, to, key string) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(o.From); err != nil {
		return nil, err
	}
	if err := msg.To(to); err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(o.From, "@")
	msg.SetMessageIDWithValue(strings.ReplaceAll(key, "/", ".") + "@" + strings.Trim(domain, "> "))
	msg.SetGenHeader("X-Hotline-Key", key)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834 §5: no mailbox answers that somebody is away
	return msg, nil
}

// sound is the recording that goes with a letter, and what is said of it. One that is too large, or that
// cannot be read any more, holds up no letter.
func (m *Mail) sound(l Letter, c Case) (sound []byte, about string) {
	if l.Kind != "forward" || m.Sound == nil || c.Message == "" {
		return nil, ""
	}
	sound, err := m.Sound(c.Message)
	switch {
	case err != nil:
		return nil, "Mesajın səs yazısı oxunmadı və əlavə edilməyib."
	case len(sound) > mostAttached:
		return nil, "Mesajın səs yazısı 5 MB-dan böyükdür və əlavə edilməyib."
	}
	return sound, "Mesajın səs yazısı əlavə olunur."
}

// subject tells nothing of a confidential case.
func subject(l Letter, c Case) string {
	what := "Müraciət"
	switch l.Kind {
	case "forward":
	case "unreached":
		what = "Zəngə cavab verilmədi: müraciət"
	default:
		what = "Xatırlatma (" + l.Kind + " %): müraciət"
	}
	if c.Confidential {
		return what + " " + c.Number + " (məxfi)"
	}
	return what + " " + c.Number + ": " + matters[c.Matter]
}

// matters are what a case is in law.
var matters = map[call.Matter]string{
	call.MatterComplaint: "şikayət", call.MatterProposal: "təklif", call.MatterApplication: "ərizə",
	call.MatterInformation: "məlumat sorğusu", call.MatterMessage: "səsli mesaj",
}

// languages are what a citizen speaks.
var languages = map[call.Language]string{"az": "Azərbaycan", "en": "ingilis", "ru": "rus"}

// text is the letter's, with times of the clock of a zone.
func text(l Letter, c Case, zone *time.Location, about string) string {
	var b strings.Builder
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	switch l.Kind {
	case "forward":
	case "unreached":
		b.WriteString("Vətəndaşa iki iş günü ərzində üç dəfə zəng edildi, ona çatmaq mümkün olmadı.\r\nCavabı ona yazılı göndərin.\r\n\r\n")
	default:
		fmt.Fprintf(&b, "Baxılma müddətinin %s faizi keçib.\r\n\r\n", l.Kind)
	}
	row("Qeydiyyat nömrəsi", c.Number)
	row("Növü", matters[c.Matter])
	row("Mövzu", c.Topic)
	row("Dil", languages[c.Language])
	row("Qeydə alınıb", c.Opened.In(zone).Format("02.01.2006 15:04"))
	row("Cavab müddəti", c.Due.In(zone).Format("02.01.2006 15:04"))
	if c.From != "" {
		row("Zəng edənin nömrəsi", c.From.Raw())
	}
	row("Mesajın uzunluğu", c.Length.Round(time.Second).String())
	if about != "" {
		b.WriteString("\r\n" + about + "\r\n")
	}
	return b.String()
}
