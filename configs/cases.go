package configs

import (
	"maps"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cases is what becomes of what callers leave.
type Cases struct {
	Calendar string `yaml:"calendar"` // whose days with hours are working days; empty: Monday to Friday, holidays az
	Units    []Unit `yaml:"units"`
	Chief    Chief  `yaml:"chief"`
	Mail     Mail   `yaml:"mail"`
}

// A Unit answers cases.
type Unit struct {
	Name    string   `yaml:"name"`
	Topics  []string `yaml:"topics"` // as messages name them; empty: what belongs to no other unit
	Email   string   `yaml:"email"`
	Webhook string   `yaml:"webhook"`
	Secret  string   `yaml:"secret"` // signs the webhook
}

func (u *Unit) defaults() { u.Topics = []string{} }

// Chief is who alone is told of confidential cases.
type Chief struct {
	Email   string `yaml:"email"`
	Webhook string `yaml:"webhook"`
	Secret  string `yaml:"secret"`
}

// Mail is how e-mail leaves.
type Mail struct {
	Server   string  `yaml:"server"` // host:port
	From     string  `yaml:"from"`
	User     string  `yaml:"user"` // empty: the server asks for none
	Password string  `yaml:"password"`
	TLS      MailTLS `yaml:"tls"`
}

// A MailTLS is how the way to the mail server is kept from others.
type MailTLS string

// The ways.
const (
	MailStartTLS MailTLS = "starttls"
	MailOverTLS  MailTLS = "tls"
	MailOpen     MailTLS = "none"
)

func (m *MailTLS) parse(text string) error {
	return choose(m, text, MailStartTLS, MailOverTLS, MailOpen)
}

func defaultCases() Cases {
	return Cases{Units: []Unit{}, Mail: Mail{TLS: MailStartTLS}}
}

// leastSecret is the shortest secret of a webhook, in characters.
const leastSecret = 16

func (c *checker) cases() {
	cases := c.file.Cases
	if cases.Calendar != "" {
		c.workdays("cases.calendar", cases.Calendar)
	}
	names, topics := map[string]int{}, map[string]string{}
	mailed := cases.Chief.Email != ""
	for i, u := range cases.Units {
		path := at("cases.units", i)
		c.named(path, u.Name, "unit", names, i)
		for j, topic := range u.Topics {
			here := at(path+".topics", j)
			switch first, twice := topics[topic]; {
			case strings.TrimSpace(topic) == "":
				c.say(here, "name a topic as a message of a menu does", "the topic is empty")
			case twice:
				c.say(here, "give each topic to one unit", "%s belongs to %s already", c.raw(here, topic), first)
			}
			topics[topic] = u.Name
		}
		mailed = mailed || u.Email != ""
		c.reached(path, "the unit", u.Email, u.Webhook, u.Secret, true)
	}
	if chief := cases.Chief; len(cases.Units) > 0 || chief != (Chief{}) {
		c.reached("cases.chief", "the chief, who alone is told of confidential cases,", chief.Email, chief.Webhook, chief.Secret, true)
	}
	c.mailServer(cases.Mail, mailed)
}

// workdays checks that a calendar has working days.
func (c *checker) workdays(path, value string) {
	cal, ok := c.file.Calendars[value]
	switch {
	case value == Always:
		c.say(path, "name a calendar with the hours of work", "terms are counted in working days, and always has none")
	case !ok:
		all := slices.Sorted(maps.Keys(c.file.Calendars))
		c.say(path, defined(value, all, "calendar", "calendars"), "there is no calendar %s", c.raw(path, value))
	case !slices.ContainsFunc(slices.Collect(maps.Values(cal.Week)), func(h Hours) bool { return len(h) > 0 }):
		c.say(path, "give the calendar a week with hours", "no day of %s has hours, so no term would end", c.raw(path, value))
	}
}

// reached checks the ways to whoever is told of cases.
func (c *checker) reached(path, who, email, hook, secret string, needed bool) {
	if needed && email == "" && hook == "" {
		c.say(path, "write email or webhook", "%s cannot be told of anything", who)
	}
	if email != "" {
		c.address(path+".email", email)
	}
	if hook == "" {
		if secret != "" {
			c.say(path+".secret", "write webhook, or leave the secret out", "there is no webhook to sign")
		}
		return
	}
	u, err := url.Parse(hook)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil:
		c.say(path+".webhook", "write a URL such as https://records.example.org/hotline", "%s is no URL of a webhook", c.raw(path+".webhook", hook))
	case u.Scheme == "http" && !loopback(u.Hostname()):
		c.say(path+".webhook", "write https://", "callers' numbers would go open over the network")
	}
	if len(secret) < leastSecret {
		c.say(path+".secret", "write "+strconv.Itoa(leastSecret)+" characters or more, or ${FILE:/path} for a file that holds them",
			"without a secret nobody can tell our webhooks from others'")
	}
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// address checks an e-mail address. It becomes a header and a word of SMTP.
func (c *checker) address(path, value string) {
	a, err := mail.ParseAddress(value)
	if err != nil || !strings.Contains(a.Address, "@") || strings.ContainsFunc(a.Address, func(r rune) bool { return r <= ' ' || r > '~' }) {
		c.say(path, "write an address such as unit@example.org", "%s is no e-mail address", c.raw(path, value))
	}
}

func (c *checker) mailServer(m Mail, needed bool) {
	const path = "cases.mail"
	if m.Server == "" {
		if needed {
			c.say(path+".server", "write HOST:PORT of the server that takes our mail", "there are units with email and no mail server")
		}
		return
	}
	h, port, ok := cutPort(m.Server)
	n, err := strconv.ParseUint(port, 10, 16)
	_, errAddr := netip.ParseAddr(h)
	if !ok || err != nil || n == 0 || errAddr != nil && !host.MatchString(h) {
		c.say(path+".server", "write HOST:PORT, such as mail.example.org:587", "%s is no server", c.raw(path+".server", m.Server))
	}
	if m.From == "" {
		c.say(path+".from", "write an address of yours, such as hotline@example.org", "mail needs a sender")
	} else {
		c.address(path+".from", m.From)
	}
	switch {
	case m.User == "" && m.Password != "":
		c.say(path+".user", "write the user, or leave the password out", "there is a password and no user")
	case m.User != "" && m.Password == "":
		c.say(path+".password", "write ${FILE:/path} for a file that holds it", "there is a user and no password")
	case m.User != "" && m.TLS == MailOpen && !loopback(h):
		c.say(path+".tls", "write starttls or tls", "the password would go open over the network")
	}
}

// standardWork is the calendar of cases where none is named.
var standardWork = Calendar{Week: Week{Days{time.Monday, time.Friday}: standardHours}, Holidays: HolidaysAZ}

// Working says when there is work on a day, by a calendar of the file and the clock of its zone: the
// first moment of work and the first one after it, whatever pauses lie between. from = to on a day that
// is no working day. An empty name is Monday to Friday from 9 to 18 without the holidays of Azerbaijan.
func (f *File) Working(calendar string) func(day time.Time) (from, to time.Time) {
	s := f.Hours(calendar)
	if calendar == "" {
		s = standardWork.In(f.Zone())
	}
	return func(day time.Time) (from, to time.Time) {
		spans := s.spans(DateOf(day.In(s.zone)))
		if len(spans) == 0 {
			return day, day
		}
		return spans[0].from, spans[len(spans)-1].to
	}
}
