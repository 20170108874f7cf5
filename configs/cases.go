package configs

import (
	"maps"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// Cases is what becomes of what callers leave.
type Cases struct {
	Calendar string `yaml:"calendar"` // whose working days count; empty: those of Azerbaijan
	Queue    string `yaml:"queue"`    // whose operators call back after an investigation; empty: the first
	Units    []Unit `yaml:"units"`
	Chief    Unit   `yaml:"chief"` // of confidential cases
	Mail     Mail   `yaml:"mail"`
}

// A Unit is to whom cases go.
type Unit struct {
	Name    string   `yaml:"name"`
	Topics  []string `yaml:"topics"` // of the menus' messages; empty: all that no other unit has
	Email   string   `yaml:"email"`
	Webhook string   `yaml:"webhook"`
	Secret  string   `yaml:"secret"` // under which the webhook is signed
}

// Mail is how e-mail leaves.
type Mail struct {
	Server   string  `yaml:"server"` // host:port; empty: none leaves
	From     string  `yaml:"from"`
	User     string  `yaml:"user"`
	Password string  `yaml:"password"`
	TLS      MailTLS `yaml:"tls"`
}

// A MailTLS is how a mail server is spoken to.
type MailTLS string

// The ways.
const (
	MailStartTLS MailTLS = "starttls" // must be offered
	MailFullTLS  MailTLS = "tls"
	MailNoTLS    MailTLS = "none"
)

func (m *MailTLS) parse(text string) error {
	switch MailTLS(text) {
	case MailStartTLS, MailFullTLS, MailNoTLS:
		*m = MailTLS(text)
		return nil
	}
	return wrong("write starttls, tls or none", "%s is no way to speak to a mail server", quote(text))
}

func (u *Unit) defaults() { u.Topics = []string{} }

func defaultCases() Cases {
	return Cases{Units: []Unit{}, Chief: Unit{Topics: []string{}}, Mail: Mail{TLS: MailStartTLS}}
}

// cases checks where cases go.
func (c *checker) cases() {
	k := c.file.Cases
	if k.Calendar != "" {
		if k.Calendar == Always {
			c.say("cases.calendar", "name a calendar", "terms run in working days, and always has none")
		} else {
			c.hours("cases.calendar", k.Calendar)
			c.workdays("cases.calendar", k.Calendar)
		}
	}
	if k.Queue != "" && !slices.ContainsFunc(c.file.Queues, func(q Queue) bool { return q.Name == k.Queue }) {
		c.say("cases.queue", "name a queue there is", "there is no queue %s", c.raw("cases.queue", k.Queue))
	}
	names, topics, rest := map[string]int{}, map[string]string{}, -1
	for i, u := range k.Units {
		path := at("cases.units", i)
		c.named(path, u.Name, "unit", names, i)
		if u.Name == "chief" {
			c.say(path+".name", "write it under cases.chief", "chief is who has the confidential cases")
		}
		c.unit(path, u)
		if len(u.Topics) == 0 {
			if rest >= 0 {
				c.say(path+".topics", "name its topics", "%s already has all that no other unit has", at("cases.units", rest))
			}
			rest = i
		}
		for j, topic := range u.Topics {
			here := at(path+".topics", j)
			if first, twice := topics[topic]; twice {
				c.say(here, "give each topic to one unit", "%s is already in %s", c.raw(here, topic), first)
			}
			topics[topic] = here
		}
	}
	c.unit("cases.chief", k.Chief)
	c.mail(k)
	c.routes(topics, rest)
}

// workdays checks that terms end: no day with hours, no working day.
func (c *checker) workdays(path, value string) {
	cal, ok := c.file.Calendars[value]
	if ok && !slices.ContainsFunc(slices.Collect(maps.Values(cal.Week)), func(h Hours) bool { return len(h) > 0 }) {
		c.say(path, "give the calendar a week with hours", "no day of %s has hours, so no term would end", c.raw(path, value))
	}
}

// unit checks the ways to a unit.
func (c *checker) unit(path string, u Unit) {
	if u.Email != "" {
		if a, err := mail.ParseAddress(u.Email); err != nil || a.Address != u.Email {
			c.say(path+".email", "write NAME@HOST", "%s is no address", c.raw(path+".email", u.Email))
		} else if c.file.Cases.Mail.Server == "" {
			c.say(path+".email", "name the server under cases.mail", "no e-mail leaves without a server")
		}
	}
	if u.Webhook == "" {
		return
	}
	at, err := url.Parse(u.Webhook)
	switch {
	case err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https":
		c.say(path+".webhook", "write https://HOST/PATH", "%s is no address of a service", c.raw(path+".webhook", u.Webhook))
	case at.Scheme == "http" && !loopback.MatchString(at.Hostname()):
		c.say(path+".webhook", "write https://", "citizens' numbers would be sent for everybody to read")
	case len(u.Secret) < 16:
		c.say(path+".secret", "write 16 letters or more, as ${FILE:/path}", "the webhook could not be told from anybody's")
	}
}

// mail checks how e-mail leaves.
func (c *checker) mail(k Cases) {
	if k.Mail.Server == "" {
		return
	}
	host, port, err := net.SplitHostPort(k.Mail.Server)
	n, errPort := strconv.ParseUint(port, 10, 16)
	if err != nil || host == "" || errPort != nil || n == 0 {
		c.say("cases.mail.server", "write HOST:PORT, such as mail.example.org:587", "%s is no server", c.raw("cases.mail.server", k.Mail.Server))
	}
	if a, err := mail.ParseAddress(k.Mail.From); err != nil || a.Address != k.Mail.From {
		c.say("cases.mail.from", "write NAME@HOST", "%s is no address", c.raw("cases.mail.from", k.Mail.From))
	}
	if (k.Mail.User == "") != (k.Mail.Password == "") {
		c.say("cases.mail.user", "write user and password, the password as ${FILE:/path}", "an account needs both")
	}
	if k.Mail.TLS == MailNoTLS && k.Mail.User != "" && !loopback.MatchString(host) {
		c.say("cases.mail.tls", "write starttls or tls", "the password would be sent for everybody to read")
	}
}

// routes checks that each message of the menus has somewhere to go, where there are units at all.
func (c *checker) routes(topics map[string]string, rest int) {
	k := c.file.Cases
	for name, m := range c.file.Menus { // Parse puts the faults in order
		path := "menus." + clean(name) + ".message"
		switch {
		case m.Kind() != NodeMessage:
		case m.Message.Confidential:
			if len(k.Units) > 0 && k.Chief.Email == "" && k.Chief.Webhook == "" {
				c.say(path+".confidential", "write cases.chief with an email or a webhook", "nobody is told of confidential messages")
			}
		case len(k.Units) > 0 && rest < 0 && topics[m.Message.Topic] == "":
			c.say(path+".topic", "name a topic of cases.units, or add a unit without topics", "no unit has these messages")
		}
	}
}

// Workdays counts working days: of the calendar that cases name, or of Azerbaijan with the movable days of
// whichever calendar has them.
func (f *File) Workdays() *Schedule {
	if f.Cases.Calendar != "" {
		return f.Hours(f.Cases.Calendar)
	}
	c := Calendar{Holidays: HolidaysAZ, Movable: map[Year]Movable{}, Dates: map[Date]Day{}}
	if err := c.week(); err != nil {
		return f.Hours(Always)
	}
	for _, other := range f.Calendars {
		for year, days := range other.Movable {
			c.Movable[year] = days
		}
	}
	return c.In(f.Zone())
}

// week gives a calendar the hours of an office.
func (c *Calendar) week() error {
	var days Days
	var hours Hours
	if err := days.parse("mon-fri"); err != nil {
		return err
	}
	if err := hours.parse("09:00-18:00"); err != nil {
		return err
	}
	c.Week = Week{days: hours}
	return nil
}

// Unit is to whom messages of a topic go; empty: there is no unit.
func (k Cases) Unit(topic string) string {
	rest := ""
	for _, u := range k.Units {
		if slices.Contains(u.Topics, topic) {
			return u.Name
		}
		if len(u.Topics) == 0 {
			rest = u.Name
		}
	}
	return rest
}

// WorkingDayAfter is the nth working day after the day of t, at its midnight; it implements cases.Workdays.
func (s *Schedule) WorkingDayAfter(t time.Time, n int) time.Time {
	d := s.WorkingDay(DateOf(t.In(s.zone)), n)
	return time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, s.zone)
}
