package cases

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/smtp"
	"net/textproto"
	"strings"
	"time"
)

// Mail is how e-mail leaves.
type Mail struct {
	Server         string // host:port of the server that takes it
	From           string // our address, with or without a name
	User, Password string // no user: the server takes it so
	TLS            MailTLS
}

// MailTLS is how the way to the server is kept from others.
type MailTLS string

// The ways.
const (
	MailStartTLS MailTLS = "starttls" // asked for on an open connection, and demanded
	MailOverTLS  MailTLS = "tls"      // from the first byte
	MailOpen     MailTLS = "none"
)

// mail tells a receiver by e-mail. It has it when the server has said so after the last byte.
func (c *Courier) mail(ctx context.Context, to Receiver, p parcel) error {
	from, err := mail.ParseAddress(p.mail.From)
	if err != nil {
		return &fault{"gone", fmt.Errorf("e-mail: our own address: %w", err)}
	}
	rcpt, err := mail.ParseAddress(to.Email)
	if err != nil {
		return &fault{"gone", fmt.Errorf("e-mail: the unit's address: %w", err)}
	}
	client, err := c.connect(ctx, p.mail, from.Address)
	if err != nil {
		return err
	}
	defer client.Close()
	if p.mail.User != "" {
		host, _, _ := net.SplitHostPort(p.mail.Server)
		if err := client.Auth(smtp.PlainAuth("", p.mail.User, p.mail.Password, host)); err != nil {
			return smtpFault("auth", err)
		}
	}
	if err := client.Mail(from.Address); err != nil {
		return smtpFault("rejected", err)
	}
	if err := client.Rcpt(rcpt.Address); err != nil {
		return smtpFault("rejected", err)
	}
	w, err := client.Data()
	if err != nil {
		return smtpFault("rejected", err)
	}
	// A message that we cannot finish must not be ended: the connection is cut instead, and the server
	// throws the half away.
	if err := c.letter(w, from, rcpt, p); err != nil {
		return &fault{"cut", fmt.Errorf("e-mail: %w", err)}
	}
	if err := w.Close(); err != nil {
		return smtpFault("rejected", err)
	}
	_ = client.Quit() // it has the message: what it says now changes nothing
	return nil
}

// connect brings us to where a message may begin.
func (c *Courier) connect(ctx context.Context, m Mail, from string) (*smtp.Client, error) {
	host, _, err := net.SplitHostPort(m.Server)
	if err != nil {
		return nil, &fault{"gone", fmt.Errorf("e-mail: the server's address: %w", err)}
	}
	raw, err := (&net.Dialer{Timeout: c.o.Patience}).DialContext(ctx, "tcp", m.Server)
	if err != nil {
		return nil, &fault{"connect", fmt.Errorf("e-mail: %w", err)}
	}
	secure := &tls.Config{ServerName: host, RootCAs: c.o.Roots, MinVersion: tls.VersionTLS12}
	conn := net.Conn(&impatient{Conn: raw, patience: c.o.Patience, done: context.AfterFunc(ctx, func() { _ = raw.Close() })})
	if m.TLS == MailOverTLS {
		over := tls.Client(conn, secure)
		if err := over.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, &fault{tlsClass(err), fmt.Errorf("e-mail: %w", err)}
		}
		conn = over
	}
	client, err := smtp.NewClient(conn, host)
	if err != nil {
		_ = conn.Close()
		return nil, smtpFault("rejected", err)
	}
	fail := func(f error) (*smtp.Client, error) { return nil, errors.Join(f, ignored(client.Close())) }
	_, domain, _ := strings.Cut(from, "@")
	if err := client.Hello(domain); err != nil {
		return fail(smtpFault("rejected", err))
	}
	if m.TLS == MailStartTLS {
		if ok, _ := client.Extension("STARTTLS"); !ok {
			return fail(&fault{"tls", errors.New("e-mail: the server offers no STARTTLS")})
		}
		if err := client.StartTLS(secure); err != nil {
			return fail(&fault{tlsClass(err), fmt.Errorf("e-mail: %w", err)})
		}
	}
	return client, nil
}

// ignored says that nobody asks for an error: another one is told.
func ignored(error) error { return nil }

// tlsClass tells a server that proves nothing from one that says nothing.
func tlsClass(err error) string {
	if isTimeout(err) {
		return "timeout"
	}
	return "tls"
}

// smtpFault is a fault of what a server answered (RFC 5321 §4.2.1), or where it did not, of the way to it.
func smtpFault(refused string, err error) error {
	var said *textproto.Error
	class := "cut"
	switch {
	case errors.As(err, &said) && said.Code >= 400 && said.Code < 500:
		class = "busy"
	case errors.As(err, &said):
		class = refused
	case strings.HasPrefix(err.Error(), "unencrypted connection"), strings.Contains(err.Error(), "doesn't support AUTH"):
		class = refused // which net/smtp says by itself
	}
	return &fault{class, fmt.Errorf("e-mail: %w", err)}
}

// An impatient connection fails where nothing moves for too long.
type impatient struct {
	net.Conn
	patience time.Duration
	done     func() bool // nobody needs to close it any more
}

func (i *impatient) Read(b []byte) (int, error) {
	if err := i.SetReadDeadline(time.Now().Add(i.patience)); err != nil {
		return 0, err
	}
	return i.Conn.Read(b)
}

func (i *impatient) Write(b []byte) (int, error) {
	if err := i.SetWriteDeadline(time.Now().Add(i.patience)); err != nil {
		return 0, err
	}
	return i.Conn.Write(b)
}

func (i *impatient) Close() error {
	i.done()
	return i.Conn.Close()
}
