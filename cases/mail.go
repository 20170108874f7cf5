package cases

import (
	"bytes"
	"context"
	"crypto/tls"
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
}

// MailOptions are how e-mail leaves.
type MailOptions struct {
	Server         string // host:port
	From           string
	User, Password string
	TLS            string // starttls, tls or none
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
	client, err := client(o)
	if err != nil {
		return fmt.Errorf("mail: %w", err)
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		var refused *mail.SendError
		if errors.As(err, &refused) && refused.ErrorCode() >= 400 {
			return &Refused{refused.ErrorCode()}
		}
		return fmt.Errorf("mail: %w", err)
	}
	return nil
}

func client(o MailOptions) (*mail.Client, error) {
	host, port, err := net.SplitHostPort(o.Server)
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	options := []mail.Option{mail.WithPort(n), mail.WithTimeout(carryTime), mail.WithTLSConfig(&tls.Config{ServerName: host, MinVersion: tls.VersionTLS12})}
	switch o.TLS {
	case "tls":
		options = append(options, mail.WithSSL())
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

// write makes the letter. It is in Azerbaijani, the language of the state.
func (m *Mail) write(o MailOptions, to Receiver, l Letter, c Case) (*mail.Msg, error) {
	msg := mail.NewMsg()
	if err := msg.From(o.From); err != nil {
		return nil, err
	}
	if err := msg.To(to.Email); err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(o.From, "@")
	msg.SetMessageIDWithValue(strings.ReplaceAll(l.Key, "/", ".") + "@" + strings.Trim(domain, "> "))
	msg.SetDateWithValue(l.Made)
	msg.SetGenHeader("X-Hotline-Key", l.Key)
	msg.Subject(subject(l, c))
	msg.SetBodyString(mail.TypeTextPlain, text(l, c))
	if l.Kind == "forward" && m.Sound != nil && c.Message != "" {
		sound, err := m.Sound(c.Message)
		if err == nil && len(sound) <= mostAttached {
			err = msg.AttachReader(c.Number+".wav", bytes.NewReader(sound))
		}
		if err != nil {
			return nil, err
		}
	}
	return msg, nil
}

// subject tells nothing of a confidential case.
func subject(l Letter, c Case) string {
	what := "Müraciət"
	if l.Kind != "forward" {
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

func text(l Letter, c Case) string {
	var b strings.Builder
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	if l.Kind != "forward" {
		fmt.Fprintf(&b, "Baxılma müddətinin %s faizi keçib.\r\n\r\n", l.Kind)
	}
	row("Qeydiyyat nömrəsi", c.Number)
	row("Növü", matters[c.Matter])
	row("Mövzu", c.Topic)
	row("Dil", languages[c.Language])
	row("Qeydə alınıb", c.Opened.Format("02.01.2006 15:04"))
	row("Cavab müddəti", c.Due.Format("02.01.2006"))
	if c.From != "" {
		row("Zəng edənin nömrəsi", c.From.Raw())
	}
	row("Mesajın uzunluğu", c.Length.Round(time.Second).String())
	if l.Kind == "forward" && c.Message != "" {
		b.WriteString("\r\nMesajın səs yazısı əlavə olunur.\r\n")
	}
	return b.String()
}
