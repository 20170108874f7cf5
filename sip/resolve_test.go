package sip

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// places are targets as text, in their order.
func places(list []target) string {
	var out []string
	for _, t := range list {
		out = append(out, t.transport+" "+t.at.String())
	}
	return strings.Join(out, ", ")
}

// lookUp finds hosts of which nothing is known.
func (d *nameServer) lookUp(t *testing.T, hosts ...Host) ([]target, error) {
	found, err := find(t.Context(), d.resolver(), hosts, nil)
	return targetsOf("carrier", hosts, found), err
}

func TestFindingACarriersHosts(t *testing.T) {
	d := nameServerFor(t)
	d.host("a.example", "192.0.2.1")
	d.host("b.example", "192.0.2.2", "2001:db8::2")
	d.host("both.example", "192.0.2.9")
	d.service("_sip._udp.both.example", 20, 0, 5070, "b.example")
	d.service("_sip._udp.both.example", 10, 0, 5080, "a.example")
	d.service("_sip._tcp.both.example", 10, 0, 5090, "a.example")
	d.service("_sips._tcp.both.example", 10, 0, 5071, "a.example")
	d.service("_sip._udp.half.example", 10, 0, 5060, "nowhere.example")
	d.service("_sip._udp.half.example", 20, 0, 5062, "a.example")
	for name, c := range map[string]struct {
		hosts []Host
		want  string
	}{
		"an address":                  {[]Host{{Host: "192.0.2.7"}}, "udp 192.0.2.7:5060"},
		"an address with a port":      {[]Host{{Host: "192.0.2.7", Port: 5099}}, "udp 192.0.2.7:5099"},
		"an address over TLS":         {[]Host{{Host: "2001:db8::7", Transport: "tls"}}, "tls [2001:db8::7]:5061"},
		"a name with a port":          {[]Host{{Host: "both.example", Port: 5065}}, "udp 192.0.2.9:5065"},
		"a name with SRV":             {[]Host{{Host: "both.example"}}, "udp 192.0.2.1:5080, udp 192.0.2.2:5070, udp [2001:db8::2]:5070"},
		"SRV for TCP":                 {[]Host{{Host: "both.example", Transport: "tcp"}}, "tcp 192.0.2.1:5090"},
		"SRV for TLS":                 {[]Host{{Host: "both.example", Transport: "tls"}}, "tls 192.0.2.1:5071"},
		"a name without SRV":          {[]Host{{Host: "a.example"}}, "udp 192.0.2.1:5060"},
		"a name without SRV over TLS": {[]Host{{Host: "a.example", Transport: "tls"}}, "tls 192.0.2.1:5061"},
		"SRV with a host that is not": {[]Host{{Host: "half.example"}}, "udp 192.0.2.1:5062"},
		"two hosts in their order":    {[]Host{{Host: "a.example"}, {Host: "192.0.2.7"}}, "udp 192.0.2.1:5060, udp 192.0.2.7:5060"},
		"one that is not, and one":    {[]Host{{Host: "nowhere.example"}, {Host: "192.0.2.7"}}, "udp 192.0.2.7:5060"},
		"the same twice":              {[]Host{{Host: "192.0.2.7"}, {Host: "192.0.2.7", Port: 5060}}, "udp 192.0.2.7:5060"},
		"nothing at all":              {[]Host{{Host: "nowhere.example"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := d.lookUp(t, c.hosts...)
			absent := slices.ContainsFunc(c.hosts, func(h Host) bool { return h.Host == "nowhere.example" })
			if got := places(found); got != c.want || (err != nil) != absent {
				t.Errorf("%s, %v; want %s", got, err, c.want)
			}
		})
	}
}

// Hosts of one priority are tried first as often as their weights say (RFC 2782).
func TestSRVWeights(t *testing.T) {
	d := nameServerFor(t)
	d.host("heavy.example", "192.0.2.1")
	d.host("light.example", "192.0.2.2")
	d.service("_sip._udp.c.example", 10, 30, 5060, "heavy.example")
	d.service("_sip._udp.c.example", 10, 10, 5060, "light.example")
	first := map[string]int{}
	for range 200 {
		found, err := d.lookUp(t, Host{Host: "c.example"})
		if err != nil || len(found) != 2 {
			t.Fatal(found, err)
		}
		first[found[0].at.String()]++
	}
	if heavy := first["192.0.2.1:5060"]; heavy < 110 || heavy > 190 { // 150 are due; this is six deviations
		t.Errorf("the heavy one was first %d times of 200", heavy)
	}
}

// A name server that says nothing takes nobody away: the others are found, and what was known stays.
func TestADeafNameServer(t *testing.T) {
	d := nameServerFor(t)
	d.silence(true)
	began := time.Now()
	hosts := []Host{{Host: "a.example"}, {Host: "192.0.2.7"}, {Host: "b.example"}}
	known := [][]netip.AddrPort{{netip.MustParseAddrPort("192.0.2.1:5060")}, nil, nil}
	found, err := find(t.Context(), d.resolver(), hosts, known)
	if got := places(targetsOf("carrier", hosts, found)); got != "udp 192.0.2.1:5060, udp 192.0.2.7:5060" || err == nil {
		t.Errorf("%s, %v", got, err)
	}
	if took := time.Since(began); took > 5*lookupLimit {
		t.Errorf("it took %s", took)
	}
	if d.questions() == 0 {
		t.Error("nobody was asked: this test shows nothing")
	}
}

// A carrier's name server does not fill our memory.
func TestManyAddresses(t *testing.T) {
	d := nameServerFor(t)
	var many []string
	for i := range 40 {
		many = append(many, fmt.Sprintf("192.0.2.%d", i+1))
	}
	d.host("a.example", many...)
	found, err := d.lookUp(t, Host{Host: "a.example"})
	if err != nil || len(found) != maxAddresses {
		t.Errorf("%d addresses, %v", len(found), err)
	}
	if !slices.ContainsFunc(found, func(f target) bool { return f.at.String() == "192.0.2.1:5060" }) {
		t.Error("the first is not among them")
	}
}
