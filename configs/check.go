package configs

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/call"
	"hotline/call/spelling"
)

// spoken are the languages there are prompts for.
var spoken = []call.Language{"az", "en", "ru"}

// name is what carriers, calendars, menus and queues may be called: they become labels of
// metrics and words of commands, where a comma or a space would divide them.
var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

// dialable is a number as carriers write it.
var dialable = regexp.MustCompile(`^\+?[0-9]{1,31}$`)

// host is an address or a name in DNS, without a port.
var host = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$`)

// A checker looks at a File that has been decoded and says what makes no sense. Of a key that
// could not be read at all it says nothing more.
type checker struct {
	*decoder
	file   *File
	unread map[string]bool
}

func (f *File) check(d *decoder) {
	c := &checker{decoder: d, file: f, unread: make(map[string]bool)}
	for _, fault := range d.faults {
		c.unread[fault.Key] = true
	}
	c.general()
	c.sip()
	c.media()
	c.web()
	c.queues()
	c.house()
	c.menus()
	c.journey()
	c.cases()
	c.voices()
	c.calendars()
	c.lines()
	c.directory()
	c.emergency()
	c.outgoing()
	c.recording()
	c.encryption()
	c.second()
	c.heads()
	c.away()
	c.retention()
	c.rest()
}

// say adds a fault about a path, unless the path could not be read in the first place.
func (c *checker) say(path, want, problem string, args ...any) {
	for p := path; p != ""; p = parent(p) {
		if c.unread[p] {
			return
		}
	}
	at, _ := c.find(path)
	c.fault(at, path, fmt.Sprintf(problem, args...), want)
}

// blame gives, of two paths that do not go together, the one that the file has.
func (c *checker) blame(path, rather string) string {
	if _, ok := c.find(path); ok {
		return path
	}
	if _, ok := c.find(rather); ok {
		return rather
	}
	return path
}

// raw shows a value as the file has it: what ${FILE:…} stands for is nobody's to read.
func (c *checker) raw(path, value string) string {
	if written, ok := c.texts[path]; ok {
		return quote(written)
	}
	return quote(value)
}

func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func (c *checker) general() {
	f := c.file
	if strings.TrimSpace(f.Data) == "" {
		c.say("data", "name a folder, such as ./hotline-data", "is empty")
	}
	if zone, err := time.LoadLocation(f.Timezone); err != nil || f.Timezone == "" || zone == time.Local {
		c.say("timezone", "write an IANA name, such as Asia/Baku", "%s is no time zone", c.raw("timezone", f.Timezone))
	}
	if len(f.Languages) == 0 {
		c.say("languages", "name at least one of az, en, ru", "is empty")
	}
	for i, l := range f.Languages {
		path := at("languages", i)
		if !slices.Contains(spoken, l) {
			c.say(path, "write az, en or ru", "there are no prompts in %s", c.raw(path, string(l)))
		} else if first := slices.Index(f.Languages, l); first < i {
			c.say(path, "keep one", "%s is already languages[%d]", l, first)
		}
	}
}

func (c *checker) sip() {
	trunks, phones := c.file.SIP.Trunks, c.file.SIP.Phones
	const ours, theirs = "sip.trunks.listen", "sip.phones.listen"
	for path, list := range map[string][]Endpoint{ours: trunks.Listen, theirs: phones.Listen} {
		if len(list) == 0 {
			c.say(path, "give it at least one socket, such as udp://0.0.0.0:5060", "is empty")
		}
		for i, e := range list {
			if e.Transport == "" {
				continue
			}
			for j, before := range list[:i] {
				if e.meets(before) {
					c.say(at(path, i), "take another port", "%s is already taken by %s[%d]", e, path, j)
					break
				}
			}
		}
	}
	for i, e := range phones.Listen {
		for j, before := range trunks.Listen {
			if e.Transport != "" && e.meets(before) {
				here, other := at(theirs, i), at(ours, j)
				if c.blame(here, other) != here {
					here, other = other, here
				}
				c.say(here, "give trunks and phones ports of their own, such as 5060 and 5070", "%s is already taken by %s", e, other)
				break
			}
		}
	}
	c.advertise("sip.trunks.advertise", trunks.Advertise)
	c.advertise("sip.phones.advertise", phones.Advertise)
	if r := phones.Realm; r == "" || len(r) > 64 || strings.ContainsFunc(r, func(r rune) bool { return r < ' ' || r > '~' || r == '"' || r == '\\' }) {
		c.say("sip.phones.realm", "write up to 64 plain letters, such as hotline", "%s cannot be a realm", c.raw("sip.phones.realm", r))
	}
	c.carriers()
	c.overTLS("sip.trunks", trunks.Listen, trunks.TLS)
	c.overTLS("sip.phones", phones.Listen, phones.TLS)
}

func (c *checker) advertise(path, value string) {
	if value == "" || host.MatchString(value) {
		return
	}
	if a, err := netip.ParseAddr(value); err == nil && a.Zone() == "" {
		return
	}
	want := "write an address or a name, without a port"
	if !strings.ContainsAny(value, " /@") && strings.Contains(value, ":") {
		want += "; the port is that of listen"
	}
	c.say(path, want, "%s is no host", c.raw(path, value))
}

func (c *checker) carriers() {
	const all = "sip.trunks.carriers"
	type net struct {
		path string
		of   int
		p    netip.Prefix
	}
	var seen []net
	names := make(map[string]int)
	for i, one := range c.file.SIP.Trunks.Carriers {
		path := at(all, i)
		c.named(path, one.Name, "carrier", names, i)
		if len(one.From) == 0 && len(one.To) == 0 {
			c.say(path+".from", "name the networks its calls come from, such as [203.0.113.0/24], or its host under to", "nobody could call")
		}
		c.account(path, one)
		for j, p := range one.From {
			here := at(path+".from", j)
			for _, s := range seen {
				if p.IsValid() && s.of != i && s.p.Overlaps(p) {
					c.say(here, "give every address to one carrier", "%s overlaps with %s of %s", p, s.p, s.path)
					break
				}
			}
			if p.IsValid() {
				seen = append(seen, net{here, i, p})
			}
		}
	}
}

// named checks the name of a list's entry, and that no entry before has it.
func (c *checker) named(path, value, what string, seen map[string]int, i int) {
	here := path + ".name"
	switch first, twice := seen[value]; {
	case value == "":
		c.say(here, "give it one, such as name: general", "the %s has no name", what)
	case !name.MatchString(value):
		c.say(here, "use up to 63 letters, digits, - and _", "%s cannot be a name", c.raw(here, value))
	case twice:
		c.say(here, "give each "+what+" a name of its own", "%s is already the name of %s%s", c.raw(here, value), strings.TrimSuffix(path, at("", i)), at("", first))
	default:
		seen[value] = i
	}
}

func (c *checker) media() {
	m := c.file.Media
	for path, list := range map[string][]Endpoint{ // Parse puts the faults in order
		"sip.trunks.listen": c.file.SIP.Trunks.Listen,
		"sip.phones.listen": c.file.SIP.Phones.Listen,
	} {
		for i, e := range list {
			if e.Transport == UDP && m.Listen.IsValid() && m.Ports.holds(e.Addr.Port()) && sameHost(e.Addr.Addr(), m.Listen) {
				c.say(c.blame(at(path, i), "media.ports"), "take ports apart", "%s of %s lies in media.ports %s", e, at(path, i), m.Ports)
			}
		}
	}
	if most := m.Ports.Count() / 2; !c.unread["media.ports"] && c.file.Limits.Calls > most {
		c.say("limits.calls", fmt.Sprintf("write at most %d or widen media.ports", most),
			"%d calls cannot be carried by the %d ports of media.ports", c.file.Limits.Calls, m.Ports.Count())
	}
}

func (c *checker) web() {
	web, metrics := c.file.HTTP.Listen, c.file.Metrics.Listen
	okWeb, okMetrics := c.hostPort("http.listen", web), c.hostPort("metrics.listen", metrics)
	if okWeb && okMetrics && web == metrics && !strings.HasSuffix(web, ":0") {
		c.say("metrics.listen", "take another port", "%s is already taken by http.listen", c.raw("metrics.listen", metrics))
	}
}

func (c *checker) hostPort(path, value string) bool {
	h, port, ok := cutPort(value)
	n, err := strconv.ParseUint(port, 10, 16)
	_, errAddr := netip.ParseAddr(h)
	if !ok || err != nil || strconv.FormatUint(n, 10) != port || (h != "" && h != "localhost" && errAddr != nil) {
		c.say(path, "write ADDRESS:PORT, such as 127.0.0.1:8080", "%s is no address and port", c.raw(path, value))
		return false
	}
	return true
}

// cutPort divides host:port; an IPv6 host has its brackets taken off and must have had them.
func cutPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", "", false
	}
	host, port = s[:i], s[i+1:]
	inner, opened := strings.CutPrefix(host, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	if opened != closed || opened != strings.Contains(host, ":") {
		return "", "", false
	}
	return inner, port, true
}

// defined says which names there are, for somebody who wrote one that is not.
func defined(typed string, list []string, one, section string) string {
	list = slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !name.MatchString(s) && s != Always })
	if len(list) == 0 {
		return "add it under " + section
	}
	if n := spelling.Nearest(typed, list); n != "" {
		return "did you mean " + n + "?"
	}
	return "name a " + one + " there is: " + either(list)
}

func (c *checker) calendars() {
	for _, key := range slices.Sorted(maps.Keys(c.file.Calendars)) {
		path := "calendars." + clean(key)
		if key == Always {
			c.say(path, "call it something else", "always is a word for day and night")
		} else if !name.MatchString(key) {
			c.say(path, "use up to 63 letters, digits, - and _", "%s cannot be the name of a calendar", quote(key))
		}
		c.week(path+".week", c.file.Calendars[key].Week)
		c.days(path, c.file.Calendars[key])
	}
}

// clipKey is what a prompt may be called.
var clipKey = regexp.MustCompile(`^[a-z][A-Za-z0-9]*(\.[A-Za-z0-9_-]+)*$`)

// clip checks the key of a prompt. Whether there is one, app.Check knows.
func (c *checker) clip(path, key string) {
	if key != "" && !clipKey.MatchString(key) {
		c.say(path, "name a prompt, such as closed.special, or one of yours, such as own.flood", "%s cannot be the name of a prompt", c.raw(path, key))
	}
}

// days checks what a calendar says of single days.
func (c *checker) days(path string, cal Calendar) {
	c.clip(path+".says", cal.Says)
	if e := cal.Eve.D(); e%time.Minute != 0 || e > 12*time.Hour {
		c.say(path+".eve", "write whole minutes up to 12h, such as 1h, or 0s for none", "a day cannot be %s shorter", e)
	}
	if cal.Holidays != HolidaysAZ && len(cal.Movable) > 0 {
		c.say(path+".movable", "write holidays: az, or name single days under dates", "holidays: %s has no movable days", cal.Holidays)
	}
	for date, day := range cal.Dates { // Parse puts the faults in order
		c.clip(path+".dates."+date.String()+".clip", day.Clip)
	}
	for year, movable := range cal.Movable {
		here := path + ".movable." + strconv.Itoa(int(year))
		for _, f := range movable.feasts() {
			n := len(f.dates)
			switch {
			case n == 0: // not announced yet: MovableMissing tells when it should be
			case f.dates[0].Year != int(year):
				c.say(here+"."+f.name, "write it under its own year", "%s does not lie in %d", f.dates[0], year)
			case n < f.least || n > f.most:
				c.say(here+"."+f.name, fmt.Sprintf("write all %d, such as FIRST to LAST (Labour Code 105)", f.least), "the feast has %d days, here are %d", f.least, n)
			}
		}
	}
}

// week finds weekdays that two keys give hours to, in the order of the file.
func (c *checker) week(path string, w Week) {
	var taken [7]string
	keys := slices.SortedFunc(maps.Keys(w), func(a, b Days) int {
		x, y := c.spots[path+"."+a.String()], c.spots[path+"."+b.String()]
		if x.line != y.line {
			return x.line - y.line
		}
		return x.column - y.column
	})
	for _, days := range keys {
		key := days.String()
		for day := range taken {
			if !days.Has(time.Weekday(day)) {
				continue
			}
			if taken[day] != "" {
				c.say(path+"."+key, "name each weekday once", "%s is already in %s", dayNames[day], taken[day])
				break
			}
			taken[day] = key
		}
	}
}

func (c *checker) lines() {
	menus := slices.Sorted(maps.Keys(c.file.Menus))
	seen := make(map[string]string)
	for i, l := range c.file.Lines {
		path := at("lines", i)
		if l.Number == "" {
			c.say(path+".number", `give it one, such as number: "919"`, "the line has no number")
		} else {
			c.number(path+".number", l.Number, seen)
		}
		for j, n := range l.Also {
			c.number(at(path+".also", j), n, seen)
		}
		for j, name := range l.Trunks {
			c.trunk(at(path+".trunks", j), name)
		}
		c.hours(path+".hours", l.Hours)
		if l.Start == "" {
			c.say(path+".start", "name a menu, such as start: main", "the line leads nowhere")
		} else if !slices.Contains(menus, l.Start) {
			c.say(path+".start", defined(l.Start, menus, "menu", "menus"), "there is no menu %s", c.raw(path+".start", l.Start))
		}
		switch {
		case l.Closed == "":
		case !slices.Contains(menus, l.Closed):
			c.say(path+".closed", defined(l.Closed, menus, "menu", "menus"), "there is no menu %s", c.raw(path+".closed", l.Closed))
		}
	}
}

// hours checks the name of a calendar, or always.
func (c *checker) hours(path, value string) {
	if all := append([]string{Always}, slices.Sorted(maps.Keys(c.file.Calendars))...); !slices.Contains(all, value) {
		c.say(path, defined(value, all, "calendar", "calendars"), "there is no calendar %s", c.raw(path, value))
	}
}

// number checks one spelling of a line's number, and that no other line has it.
func (c *checker) number(path, value string, seen map[string]string) {
	if !dialable.MatchString(value) {
		c.say(path, "write digits, with a + before them if the carrier sends one", "%s cannot be dialled", c.raw(path, value))
		return
	}
	if first, twice := seen[value]; twice {
		c.say(path, "keep one", "%s is already %s", c.raw(path, value), first)
		return
	}
	seen[value] = path
}

func (c *checker) rest() {
	if c.file.Limits.Calls < 0 {
		c.say("limits.calls", "write 0 for a quarter of media.ports, or more", "%d is negative", c.file.Limits.Calls)
	}
	if l := c.file.Limits; l.CallsPerSecond < 0 || l.PerNumber < 0 || l.PerNumberHour < 0 || l.Waiting < 0 {
		c.say("limits", "write 0 or more", "a limit is negative")
	}
	if t := c.file.Trace; t.MemoryMB < 0 || t.MemoryMB > 4096 {
		c.say("trace.memory_mb", "write 0 to 4096", "%d MB cannot be kept", t.MemoryMB)
	}
}

// Serveable says what `serve` needs and the file, though right, does not have: a carrier to take
// calls from and a line to take them on.
func (f *File) Serveable() Faults {
	var out Faults
	if len(f.SIP.Trunks.Carriers) == 0 {
		out = append(out, f.Fault("sip.trunks.carriers", "no carrier, so nobody could call", "name one as in the sample"))
	}
	if len(f.Lines) == 0 {
		out = append(out, f.Fault("lines", "no line, so there is no number to call", "name one as in the sample"))
	}
	return out
}
