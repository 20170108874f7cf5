package configs

import (
	"slices"
	"time"
)

// What calls that leave us need: accounts, certificates, the directory, the bounds.

// account checks what a carrier needs for calls out.
func (c *checker) account(path string, one Carrier) {
	r := one.Register
	if r.User != "" && len(one.To) == 0 {
		c.say(path+".to", "name the host to register with, such as [sip.example.org]", "there is nobody to register with")
	}
	if (r.User == "") != (r.Password == "") {
		c.say(path+".register", "write user and password, the password as ${FILE:/path}", "an account needs both user and password")
	}
	if r.Expires.D() < time.Minute {
		c.say(path+".register.expires", "write 60s or more, such as 1h", "%s is too short to keep a registration alive", r.Expires)
	}
	if p := one.Options.D(); p != 0 && p < 2*time.Second {
		c.say(path+".options", "write 2s or more, such as 30s, or 0s for never", "%s is no time to answer in", p)
	}
	if one.Calls < 0 {
		c.say(path+".calls", "write 0 for no limit, or more", "%d is negative", one.Calls)
	}
	if one.Priority < 0 || one.Weight < 1 {
		c.say(path+".weight", "write a priority of 0 or more and a weight of 1 or more", "such a carrier would never be taken")
	}
	c.pair(path+".tls", one.TLS.Certificate, one.TLS.Key)
}

// pair finds a certificate without its key, or a key alone.
func (c *checker) pair(path, certificate, key string) {
	if (certificate == "") != (key == "") {
		c.say(path, "name both files", "a certificate needs its key")
	}
}

// overTLS finds listeners that have no certificate.
func (c *checker) overTLS(path string, list []Endpoint, tls TLS) {
	c.pair(path+".tls", tls.Certificate, tls.Key)
	for i, e := range list {
		if e.Transport == OverTLS && tls.Certificate == "" {
			c.say(at(path+".listen", i), "name the files under "+path+".tls", "tls:// needs a certificate and its key")
		}
	}
}

func (c *checker) directory() {
	names := make(map[string]int)
	for i, e := range c.file.Directory {
		path := at("directory", i)
		c.named(path, e.Name, "entry", names, i)
		if !dialable.MatchString(e.Number) {
			c.say(path+".number", `write digits, with a + before a country code, such as "+994125550100"`, "%s cannot be dialled", c.raw(path+".number", e.Number))
		}
		c.hours(path+".hours", e.Hours)
		if e.Emergency && e.Hours != Always {
			c.say(path+".hours", "leave it out", "an emergency entry can be called at any hour")
		}
		for j, l := range e.Languages {
			if !slices.Contains(spoken, l) {
				c.say(at(path+".languages", j), "write az, en or ru", "there are no prompts in %s", c.raw(at(path+".languages", j), string(l)))
			}
		}
		for _, q := range c.file.Queues {
			if q.Name == e.Name && e.Name != "" {
				c.say(path+".name", "call it something else", "%s is the name of a queue", c.raw(path+".name", e.Name))
			}
		}
	}
}

func (c *checker) outgoing() {
	o, n := c.file.Outgoing, c.file.Numbers
	for i, p := range o.Allow {
		if !dialable.MatchString(p) {
			c.say(at("outgoing.allow", i), `write a prefix with +, such as "+994", or a whole short number`, "%s is no number", c.raw(at("outgoing.allow", i), p))
		}
	}
	c.hours("outgoing.hours", o.Hours)
	for path, v := range map[string]int{
		"outgoing.calls": o.Calls, "outgoing.per_operator": o.PerOperator, "outgoing.per_number_hour": o.PerNumberHour,
		"outgoing.per_operator_day": o.PerOperatorDay, "outgoing.per_day": o.PerDay,
	} {
		if v < 0 {
			c.say(path, "write 0 for none at all, or more", "%d is negative", v)
		}
	}
	for path, v := range map[string]string{"numbers.country": n.Country, "numbers.national": n.National, "numbers.international": n.International} {
		if len(v) > 4 || (v != "" && !isDigits(v)) || (v == "" && path != "numbers.national") {
			c.say(path, "write up to four digits", "%s is no prefix", c.raw(path, v))
		}
	}
	if c.file.Transfer.Ring.D() < time.Second {
		c.say("transfer.ring", "write 1s or more, such as 20s", "no telephone is answered in %s", c.file.Transfer.Ring)
	}
}

// trunk checks the name of a carrier for a line's calls out.
func (c *checker) trunk(path, name string) {
	var able []string
	for _, one := range c.file.SIP.Trunks.Carriers {
		if len(one.To) > 0 {
			able = append(able, one.Name)
		} else if one.Name == name {
			c.say(path, "give it hosts under to", "carrier %s takes no calls", c.raw(path, name))
			return
		}
	}
	if !slices.Contains(able, name) {
		c.say(path, defined(name, able, "carrier", "sip.trunks.carriers"), "there is no carrier %s", c.raw(path, name))
	}
}
