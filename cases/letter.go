package cases

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"path"
	"slices"
	"strings"
	"time"

	"hotline/call"
)

// soundMost is the largest sound that is attached, in bytes: mail servers refuse much more.
const soundMost = 5 << 20

// The words of a letter. Units read Azerbaijani.
var (
	matterWords = map[call.Matter]string{
		call.MatterComplaint: "şikayət", call.MatterProposal: "təklif", call.MatterApplication: "ərizə",
		call.MatterInformation: "informasiya sorğusu", call.MatterMessage: "səsli mesaj",
	}
	languageWords = map[call.Language]string{"az": "Azərbaycan dili", "en": "ingilis dili", "ru": "rus dili"}
)

// subject names the case. Of a confidential one it tells nothing else: subjects are read over shoulders
// and kept in logs.
func subject(p parcel) string {
	of := "Müraciət " + p.of.Number
	if p.of.Confidential {
		of = "Məxfi müraciət " + p.of.Number
	}
	if p.Percent > 0 {
		of = fmt.Sprintf("Xatırlatma (%d %%): %s", p.Percent, strings.ToLower(of[:1])+of[1:])
	}
	if p.of.Confidential {
		return of
	}
	return fmt.Sprintf("%s: %s, son tarix %s", of, word(matterWords, p.of.Matter), p.of.Due.In(p.zone).Format("02.01.2006"))
}

// text is what the letter says, and attached whether the sound goes with it.
func text(p parcel, attached string) string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	switch {
	case p.Percent >= 100:
		b.WriteString("Müraciətin icra müddəti başa çatıb, cavab hələ qeyd olunmayıb.\r\n\r\n")
	case p.Percent > 0:
		fmt.Fprintf(&b, "Müraciətin icra müddətinin %d faizi keçib, cavab hələ qeyd olunmayıb.\r\n\r\n", p.Percent)
	default:
		b.WriteString("Qaynar xəttə daxil olmuş müraciət qeydiyyata alınıb və icra üçün göndərilir.\r\n\r\n")
	}
	at := func(t time.Time) string { return t.In(p.zone).Format("02.01.2006 15:04") }
	from := p.of.From.Raw()
	if from == "" {
		from = "göstərilməyib"
	}
	line("Qeydiyyat nömrəsi", p.of.Number)
	line("Növü", word(matterWords, p.of.Matter))
	line("Mövzu", p.of.Topic)
	line("Dil", word(languageWords, p.of.Language))
	line("Daxil olub", at(p.of.Opened))
	line("Cavab müddəti", at(p.of.Due)+"-dək")
	line("Zəng edənin nömrəsi", from)
	line("Səs yazısı", fmt.Sprintf("%d san, %s", int(p.of.Length.Round(time.Second)/time.Second), attached))
	if p.of.Confidential {
		b.WriteString("\r\nBu müraciət məxfidir. Onu başqasına göndərməyin.\r\n")
	}
	return b.String()
}

// word is a value in words, or as it is.
func word[T ~string](words map[T]string, value T) string {
	if w, ok := words[value]; ok {
		return w
	}
	return string(value)
}

// letter writes the message: head, text, and the sound where it goes with it (RFC 5322, RFC 2045). Its
// Message-ID is made of the key, so a mailbox that knows doubles keeps one.
func (c *Courier) letter(out io.Writer, from, to *mail.Address, p parcel) error {
	w := bufio.NewWriter(out)
	sound, attached := c.sound(p)
	_, domain, _ := strings.Cut(from.Address, "@")
	body := multipart.NewWriter(w)
	for _, h := range [][2]string{
		{"From", from.String()}, {"To", to.String()},
		{"Subject", mime.BEncoding.Encode("utf-8", subject(p))},
		{"Date", c.o.Now().In(p.zone).Format(time.RFC1123Z)},
		{"Message-ID", "<" + p.Key + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834 §5: no mailbox answers that somebody is away
		{"Content-Language", "az"}, {"MIME-Version", "1.0"},
		{"Content-Type", "multipart/mixed; boundary=" + body.Boundary()},
	} {
		fmt.Fprintf(w, "%s: %s\r\n", h[0], h[1])
	}
	fmt.Fprint(w, "\r\n")
	part, err := body.CreatePart(textproto.MIMEHeader{"Content-Type": {"text/plain; charset=utf-8"}, "Content-Transfer-Encoding": {"quoted-printable"}})
	if err != nil {
		return err
	}
	q := quotedprintable.NewWriter(part)
	_, err = io.WriteString(q, text(p, attached))
	if err := errors.Join(err, q.Close()); err != nil {
		return err
	}
	if sound != nil {
		if err := attach(body, p.of.Number+".wav", sound); err != nil {
			return err
		}
	}
	return errors.Join(body.Close(), w.Flush())
}

// sound is what is attached: nil where nothing is, and why. Reminders carry none.
func (c *Courier) sound(p parcel) (sound []byte, attached string) {
	if p.Percent > 0 || c.o.Sound == nil || p.of.Path == "" || path.Ext(p.of.Path) != ".wav" {
		return nil, "əlavə edilməyib"
	}
	file, err := c.o.Sound(p.of.Path)
	if err != nil {
		return nil, "tapılmadı"
	}
	// Read before anything is sent: half a sound would cut the message off, each time.
	b, err := io.ReadAll(io.LimitReader(file, soundMost+1))
	_ = file.Close()
	switch {
	case err != nil:
		return nil, "oxunmadı"
	case len(b) > soundMost:
		return nil, "5 MB-dan böyükdür, əlavə edilməyib"
	}
	return b, "əlavə edilib"
}

// lineBytes make a line of 76 characters in base64 (RFC 2045 §6.8).
const lineBytes = 57

func attach(body *multipart.Writer, name string, sound []byte) error {
	part, err := body.CreatePart(textproto.MIMEHeader{
		"Content-Type": {"audio/wav"}, "Content-Transfer-Encoding": {"base64"},
		"Content-Disposition": {`attachment; filename="` + name + `"`},
	})
	if err != nil {
		return err
	}
	for line := range slices.Chunk(sound, lineBytes) {
		if _, err := fmt.Fprintf(part, "%s\r\n", base64.StdEncoding.EncodeToString(line)); err != nil {
			return err
		}
	}
	return nil
}
