package configs

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Status is where it is asked how applications stand.
type Status struct {
	URL         string   `yaml:"url"` // empty: only the hotline's own cases are answered
	Token       string   `yaml:"token"`
	CA          string   `yaml:"ca"`          // PEM; empty: the system's
	Certificate string   `yaml:"certificate"` // PEM, shown to the system; with its key
	Key         string   `yaml:"key"`
	Timeout     Duration `yaml:"timeout"`
	Cache       Duration `yaml:"cache"`  // how old an answer may be that is told where the system is away; 0: none
	Digits      Count    `yaml:"digits"` // of a number
	Tries       int      `yaml:"tries"`  // a call
	Daily       int      `yaml:"daily"`  // a day, of one caller's number
}

// A Count is how many there may be, as FIRST-LAST or one number.
type Count struct{ Least, Most int }

func (s Count) String() string {
	if s.Least == s.Most {
		return strconv.Itoa(s.Least)
	}
	return fmt.Sprintf("%d-%d", s.Least, s.Most)
}

func (s *Count) parse(text string) error {
	const want = "write how many, such as 10, or 4-20"
	a, b, two := strings.Cut(text, "-")
	if !two {
		b = a
	}
	first, err1 := strconv.Atoi(strings.TrimSpace(a))
	last, err2 := strconv.Atoi(strings.TrimSpace(b))
	switch {
	case err1 != nil || err2 != nil:
		return wrong(want, "%s is no number of digits", quote(text))
	case last < first:
		return wrong(fmt.Sprintf("write %d-%d", last, first), "%s runs backwards", text)
	case first < 1 || last > 20:
		return wrong("write 1 to 20", "nobody keys %s digits", text)
	}
	*s = Count{first, last}
	return nil
}

// A Survey is what callers are asked after a talk.
type Survey struct {
	Intro string     `yaml:"intro"` // the clip before the first question
	Ask   []Question `yaml:"ask"`
}

// A Question is one of a survey.
type Question struct {
	Name  string            `yaml:"name"` // in the results
	Clip  string            `yaml:"clip"`
	Keys  Count             `yaml:"keys"`  // of a scale, such as 1-5
	Items map[string]string `yaml:"items"` // or the clip of each key, such as {1: survey.item.yes, 2: survey.item.no}
}

// An Announcement is something that callers are told between two dates.
type Announcement struct {
	Name  string   `yaml:"name"`
	Clip  string   `yaml:"clip"`
	From  Date     `yaml:"from"` // the first day
	To    Date     `yaml:"to"`   // the last day
	Where []Place  `yaml:"where"`
	Lines []string `yaml:"lines"` // empty: all
}

// A Place is where announcements are heard.
type Place string

// The places.
const (
	InQueue  Place = "queue"  // once while waiting
	InClosed Place = "closed" // after the words of the closure
)

func (p *Place) parse(text string) error {
	if text != string(InQueue) && text != string(InClosed) {
		return wrong("write queue or closed", "%s is no place of announcements", quote(text))
	}
	*p = Place(text)
	return nil
}

func defaultStatus() Status {
	return Status{Timeout: Duration(3 * time.Second), Cache: Duration(24 * time.Hour), Digits: Count{4, 20}, Tries: 3, Daily: 10}
}

func (s *Survey) defaults()       { s.Intro, s.Ask = "survey.intro", []Question{} }
func (q *Question) defaults()     { q.Keys, q.Items = Count{1, 5}, map[string]string{} }
func (a *Announcement) defaults() { a.Where, a.Lines = []Place{InQueue, InClosed}, []string{} }

func (c *checker) journey() {
	c.status()
	c.surveys()
	c.announcements()
}

// loopback is a host whose traffic nobody else sees.
var loopback = regexp.MustCompile(`^(localhost|127(\.\d+){3}|::1)$`)

func (c *checker) status() {
	s := c.file.Status
	if s.URL != "" {
		u, err := url.Parse(s.URL)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
			c.say("status.url", "write https://HOST/PATH", "%s is no address of a service", c.raw("status.url", s.URL))
		case u.Scheme == "http" && !loopback.MatchString(u.Hostname()):
			c.say("status.url", "write https://", "dates of birth would be sent for everybody to read")
		}
	}
	if (s.Certificate == "") != (s.Key == "") {
		c.say("status.certificate", "name certificate and key", "one needs the other")
	}
	if t := s.Timeout.D(); t < 100*time.Millisecond || t > 30*time.Second {
		c.say("status.timeout", "write 100ms to 30s, such as 3s", "nobody waits %s at the telephone", s.Timeout)
	}
	if s.Cache.D() > 30*24*time.Hour {
		c.say("status.cache", "write 720h or less", "what was so %s ago tells nobody anything", s.Cache)
	}
	if s.Tries < 1 || s.Tries > 10 {
		c.say("status.tries", "write 1 to 10, such as 3", "%d tries are none or too many", s.Tries)
	}
	if s.Daily < 1 || s.Daily > 1000 {
		c.say("status.daily", "write 1 to 1000, such as 10", "%d questions a day are none or too many", s.Daily)
	}
}

// mostQuestions is how many a caller answers who has been helped already.
const mostQuestions = 3

func (c *checker) surveys() {
	for _, key := range slices.Sorted(maps.Keys(c.file.Surveys)) {
		s, path := c.file.Surveys[key], "surveys."+clean(key)
		if !name.MatchString(key) {
			c.say(path, "use up to 63 letters, digits, - and _", "%s cannot be the name of a survey", quote(key))
		}
		c.clip(path+".intro", s.Intro)
		if n := len(s.Ask); n == 0 || n > mostQuestions {
			c.say(path+".ask", fmt.Sprintf("ask one to %d questions", mostQuestions), "%d questions are none or too many", n)
		}
		names := map[string]int{}
		for i, q := range s.Ask {
			here := at(path+".ask", i)
			c.named(here, q.Name, "question", names, i)
			if q.Clip == "" {
				c.say(here+".clip", "name a prompt, such as survey.q1", "the question has no words")
			}
			c.clip(here+".clip", q.Clip)
			if q.Keys.Most > 9 {
				c.say(here+".keys", "write 1-5, or up to 1-9", "no key is %d", q.Keys.Most)
			}
			for _, k := range slices.Sorted(maps.Keys(q.Items)) {
				c.clip(here+".items."+k, q.Items[k])
				if !digit.MatchString(k) {
					c.say(here+".items."+k, "write a digit from 1 to 9", "%s is no key of an answer", quote(k))
				}
			}
		}
	}
	all := slices.Sorted(maps.Keys(c.file.Surveys))
	for i, q := range c.file.Queues {
		if path := at("queues", i) + ".survey"; q.Survey != "" && !slices.Contains(all, q.Survey) {
			c.say(path, defined(q.Survey, all, "survey", "surveys"), "there is no survey %s", c.raw(path, q.Survey))
		}
	}
}

func (c *checker) announcements() {
	names := map[string]int{}
	var lines []string
	for _, l := range c.file.Lines {
		lines = append(lines, l.Number)
	}
	for i, a := range c.file.Announcements {
		path := at("announcements", i)
		c.named(path, a.Name, "announcement", names, i)
		if a.Clip == "" {
			c.say(path+".clip", "name a prompt, or one of yours, such as own.rules", "the announcement has no words")
		}
		c.clip(path+".clip", a.Clip)
		switch {
		case a.From == (Date{}):
			c.say(path+".from", "write the first day, such as 2026-12-01", "it has no first day")
		case a.To == (Date{}):
			c.say(path+".to", "write the last day, such as 2026-12-31", "it has no last day")
		case a.To.Compare(a.From) < 0:
			c.say(path+".to", "write the first day under from", "%s lies before %s", a.To, a.From)
		}
		if len(a.Where) == 0 {
			c.say(path+".where", "write [queue, closed]", "nobody would hear it")
		}
		for j, l := range a.Lines {
			if here := at(path+".lines", j); !slices.Contains(lines, l) {
				c.say(here, "name the number of a line", "there is no line %s", c.raw(here, l))
			}
		}
	}
}
