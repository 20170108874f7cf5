package sip

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/call"
)

// What a torture message deserves besides a status.
const (
	silence = 0 // no answer
	aCall   = 1 // it becomes a call
)

// rfc4475 are the verdicts that we owe each of the 49 messages of RFC 4475, from a carrier and from a
// telephone. The messages themselves are those of the library's own tests.
var rfc4475 = map[string]struct{ trunk, phone []int }{
	"wsinv":      {trunk: []int{481}}, // read whole; its To has a tag, so it is of a dialog that is not
	"intmeth":    {trunk: []int{501}},
	"esc01":      {trunk: []int{aCall}},
	"escnull":    {trunk: []int{405}, phone: []int{403}}, // read whole, and nobody's name: see TestZeroBytesInNames
	"esc02":      {trunk: []int{501}},                    // % is no escape in a method
	"lwsdisp":    {trunk: []int{200}},
	"longreq":    {trunk: []int{aCall}},
	"dblreq":     {trunk: []int{405}, phone: []int{200}},
	"semiuri":    {trunk: []int{200}},
	"transports": {trunk: []int{200}},
	"mpart01":    {trunk: []int{405}},
	"unreason":   {trunk: []int{silence}}, // an answer to nothing we asked
	"noreason":   {trunk: []int{silence}},

	"badinv01":   {trunk: []int{400}},
	"clerr":      {trunk: []int{400}},
	"ncl":        {trunk: []int{400}},
	"scalar02":   {trunk: []int{400}, phone: []int{400}},
	"scalarlg":   {trunk: []int{silence}},
	"quotbal":    {trunk: []int{400}},
	"ltgtruri":   {trunk: []int{400}},
	"lwsruri":    {trunk: []int{400}},
	"lwsstart":   {trunk: []int{400}},
	"trws":       {trunk: []int{400}},
	"escruri":    {trunk: []int{400}},
	"baddate":    {trunk: []int{aCall}}, // a Date that means nothing to us
	"regbadct":   {trunk: []int{400}, phone: []int{400}},
	"badaspec":   {trunk: []int{400}},
	"baddn":      {trunk: []int{400}},
	"badvers":    {trunk: []int{505}},
	"mismatch01": {trunk: []int{400}},
	"mismatch02": {trunk: []int{400, 501}},
	"bigcode":    {trunk: []int{silence}},

	"badbranch": {trunk: []int{200}},
	"insuf":     {trunk: []int{400}},
	"unkscm":    {trunk: []int{416}},
	"novelsc":   {trunk: []int{416}},
	"unksm2":    {trunk: []int{405}, phone: []int{400}},
	"bext01":    {trunk: []int{420}},
	"invut":     {trunk: []int{415}},
	"regaut01":  {trunk: []int{405}, phone: []int{401}},
	"multi01":   {trunk: []int{400}},
	"mcl01":     {trunk: []int{400}},
	"bcast":     {trunk: []int{silence}},
	"zeromf":    {trunk: []int{200}},
	"cparam01":  {trunk: []int{405}, phone: []int{200}},
	"cparam02":  {trunk: []int{405}, phone: []int{200}},
	"regescrt":  {trunk: []int{405}, phone: []int{400}},
	"sdp01":     {trunk: []int{406}},
	"inv2543":   {trunk: []int{aCall, 400}},
}

// tortureFiles reads the messages where the library keeps them.
func tortureFiles(t testing.TB) map[string][]byte {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/emiago/sipgo").Output()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "sip/testdata/torture/*/*.dat"))
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string][]byte)
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".dat")
		if _, due := rfc4475[name]; !due {
			continue
		}
		if all[name], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(all[name], []byte("\r\n\r\n")) {
			all[name] = append(all[name], "\r\n"...) // the file was cut there, not the message
		}
	}
	if len(all) != 49 || len(rfc4475) != 49 {
		t.Fatalf("%d messages and %d verdicts, want 49", len(all), len(rfc4475))
	}
	return all
}

// topVia is the first Via up to where its parameters begin, however it is written.
var topVia = regexp.MustCompile(`(?mi)^((?:v|via)[ \t]*:\s*SIP\s*/\s*2\.0\s*/\s*\w+\s+[^;,\s]+)`)

// reachable has answers to a message come back to where it was sent from: its hosts are elsewhere.
func reachable(b []byte) []byte {
	at := topVia.FindIndex(b)
	if at == nil {
		return b
	}
	return slices.Concat(b[:at[1]], []byte(";rport"), b[at[1]:])
}

// verdict sends a message and says what became of it. Silence is believed soon where it is due.
func (h *house) verdict(p *peer, b []byte, silent bool) int {
	h.t.Helper()
	p.send(string(b))
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		select {
		case l := <-h.legs:
			l.Hangup(call.Reason{Code: 486})
			return aCall
		default:
		}
		if m, ok := p.read(30 * time.Millisecond); ok && m.code() >= 200 {
			p.left = append(p.left, m)
			return m.code()
		} else if !ok && silent && len(h.legs) == 0 {
			return silence
		}
	}
	return silence
}

// due4475 are headers that a refusal from the trunk side must hold.
var due4475 = map[string]string{
	"intmeth": "Allow: " + allowTrunks,
	"esc02":   "Allow: " + allowTrunks,
	"bext01":  "Unsupported: nothingSupportsThis, nothingSupportsThisEither",
	"invut":   "Accept: application/sdp",
	"sdp01":   "Accept: application/sdp",
}

func TestRFC4475FromACarrier(t *testing.T) {
	for _, network := range []string{"udp", "tcp", "tls"} {
		for name, bytesOf := range tortureFiles(t) {
			t.Run(network+" "+name, func(t *testing.T) {
				t.Parallel()
				h := open(t, func(o *Options) {
					o.Line = func(string) bool { return true }
					if network == "tls" {
						newAuthority(t).overTLS(o)
					}
				}, fastTimes)
				want := rfc4475[name].trunk
				if network != "udp" && name == "clerr" {
					want = []int{silence} // it waits for the rest of the body
				}
				if network != "udp" && name == "dblreq" {
					want = []int{405, aCall} // on a stream the second request is one; it is seen here sooner or later
				}
				p := h.carrierBy(network)
				if got := h.verdict(p, reachable(bytesOf), slices.Contains(want, silence)); !slices.Contains(want, got) {
					t.Errorf("verdict %d, want one of %d", got, want)
				}
				h.afterTorture(p, network, name)
				if n := count(t, h, "hotline_panics_recovered_total", ""); n != 0 {
					t.Errorf("%v panics", n)
				}
			})
		}
	}
}

// afterTorture looks at what a message left behind: the headers of its answer, and the way it came by,
// which is good for an honest request unless nobody could know where one begins.
func (h *house) afterTorture(p *peer, network, name string) {
	h.t.Helper()
	if due := due4475[name]; due != "" && (len(p.left) == 0 || !slices.Contains(p.left[0].head, due)) {
		h.t.Errorf("no %q in %v", due, p.left)
	}
	if network != "udp" {
		switch name {
		case "ncl", "mcl01", "clerr", "inv2543": // inv2543 says no length at all
			p.end()
			return
		case "dblreq":
			return // there the second request is one
		}
	}
	c := p.dials()
	p.send(c.text("OPTIONS", c.branch, "", "", ""))
	p.want("200 to OPTIONS", func(m message) bool { return m.code() == 200 && m.get("Call-ID") == c.id })
}

func TestRFC4475FromAStranger(t *testing.T) {
	h := open(t, func(o *Options) { o.Line = func(string) bool { return true } }, nil)
	for name, bytesOf := range tortureFiles(t) {
		for _, at := range []string{h.trunk.String(), h.phone.String()} {
			c, err := net.Dial("udp", at)
			if err != nil {
				t.Fatal(err)
			}
			if at == h.trunk.String() {
				c.Close()
				d := net.Dialer{LocalAddr: &net.UDPAddr{IP: net.ParseIP("127.0.0.9")}}
				if c, err = d.Dial("udp", at); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.Write(reachable(bytesOf)); err != nil {
				t.Fatal(err)
			}
			_ = c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			b := make([]byte, 65536)
			n, err := c.Read(b)
			c.Close()
			if err != nil {
				continue
			}
			// A telephone that is being set up is answered; nobody else is.
			if m := readText(string(b[:n])); at == h.trunk.String() || (m.code() != 401 && m.code() != 400) || m.method() != "REGISTER" {
				t.Errorf("%s: a stranger at %s was answered %s", name, at, m)
			}
		}
	}
}

func TestZeroBytesInNames(t *testing.T) {
	one, err1 := readContact("<sip:%00@host5.example.com>")
	two, err2 := readContact("<sip:%00%00@host5.example.com>")
	if err1 != nil || err2 != nil || one.key == two.key || !strings.Contains(two.key, "\x00\x00@") {
		t.Errorf("%%00 is %q, %%00%%00 is %q; %v, %v", one.key, two.key, err1, err2)
	}
}

// everybody has the same password.
type everybody struct{}

func (everybody) HA1(user, realm, algorithm string) (string, bool) {
	return digestHash(algorithm, user+":"+realm+":"+testSecret), true
}

func TestRFC4475FromATelephone(t *testing.T) {
	for name, bytesOf := range tortureFiles(t) {
		want := rfc4475[name].phone
		if want == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			h := open(t, func(o *Options) { o.Users = everybody{} }, nil)
			d := h.deskPhone("udp")
			head, _, _ := bytes.Cut(reachable(bytesOf), []byte("\r\n\r\n"))
			text := string(head) + "\r\n\r\n" // of dblreq the first: what follows in a datagram is nothing
			if name == "dblreq" {
				text = string(reachable(bytesOf))
			}
			d.send(text)
			got := d.want("an answer", func(m message) bool { return m.code() >= 200 })
			if got.code() == 401 && want[0] != 401 {
				user := regexp.MustCompile(`(?mi)^to:\s*<?sip:([^@\r\n]+)@`).FindStringSubmatch(text)
				d.user = strings.ReplaceAll(user[1], "%00", "") // a name of ours has no control characters
				uri := strings.Fields(text)[1]
				again := strings.Replace(text, "\r\n\r\n", "\r\n"+d.credentials(got, "REGISTER", uri)+"\r\n", 1)
				again = strings.Replace(again, "z9hG4bK", "z9hG4bKagain", 1)
				d.send(again)
				got = d.want("the second answer", func(m message) bool { return m.code() >= 200 })
			}
			if !slices.Contains(want, got.code()) {
				t.Errorf("verdict %s, want one of %d", got, want)
			}
			if name == "dblreq" {
				d.quiet(quietTime)
			}
			for _, c := range got.all("Contact") {
				if name == "cparam02" && !strings.Contains(c, "<sip:+19725552222@gw1.example.net;unknownparam>") {
					t.Errorf("the parameter of the URI is not kept in it: %s", fmt.Sprint(c))
				}
				if name == "cparam01" && strings.Contains(c, "net;unknownparam>") {
					t.Errorf("the parameter of the contact is in the URI: %s", fmt.Sprint(c))
				}
			}
		})
	}
}
