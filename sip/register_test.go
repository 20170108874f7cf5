package sip

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"go.uber.org/zap"
	"pgregory.net/rapid"

	"hotline/call"
)

// A shelf keeps bindings like a store.
type shelf struct {
	mu   sync.Mutex
	rows map[[2]string]call.Binding
	fail error
}

func newShelf(rows ...call.Binding) *shelf {
	s := &shelf{rows: map[[2]string]call.Binding{}}
	for _, b := range rows {
		s.rows[[2]string{b.User, b.Contact}] = b
	}
	return s
}

func (s *shelf) Load() ([]call.Binding, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []call.Binding
	for _, b := range s.rows {
		out = append(out, b)
	}
	return out, s.fail
}

func (s *shelf) Save(b call.Binding) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows[[2]string{b.User, b.Contact}] = b
	return s.fail
}

func (s *shelf) Remove(user, contact string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rows, [2]string{user, contact})
	return s.fail
}

func (s *shelf) contacts(user string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for k := range s.rows {
		if k[0] == user {
			out = append(out, k[1])
		}
	}
	slices.Sort(out)
	return out
}

// A registryTest is a registrar with everything around it in the test's hand.
type registryTest struct {
	*registrar
	t     interface{ Fatalf(string, ...any) }
	clock *handClock
	shelf *shelf
	told  []string // "aysel on fresh", "aysel off"
	cseq  uint32
}

func newRegistry(t interface{ Fatalf(string, ...any) }, s *shelf) *registryTest {
	h := &registryTest{t: t, clock: newHandClock(), shelf: s}
	return h.restart()
}

// restart makes a new registrar on the same shelf: what happens when the process starts again.
func (h *registryTest) restart() *registryTest {
	h.told = nil
	r, err := newRegistrar(registrarOptions{
		Digest: testDigest(h.clock), Bindings: h.shelf, Now: h.clock.now, Log: zap.NewNop(),
		OnChange: func(user string, registered, fresh bool) {
			switch {
			case !registered:
				h.told = append(h.told, user+" off")
			case fresh:
				h.told = append(h.told, user+" on fresh")
			default:
				h.told = append(h.told, user+" on")
			}
		},
	})
	if err != nil {
		h.t.Fatalf("%v", err)
	}
	h.registrar = r
	return h
}

// A regist is one REGISTER; its zero fields take what an honest phone would send.
type regist struct {
	user, to, callID string
	cseq             uint32
	headers          []string // further ones, "Name: value"
	src, transport   string
	plain            bool // without credentials
}

// request writes the message and has it read by the library, as it would come from the wire.
func (h *registryTest) request(g regist) (*sipmsg.Request, arrival) {
	src := netip.MustParseAddrPort(g.src)
	var b strings.Builder
	fmt.Fprintf(&b, "REGISTER sip:hotline.example SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK%d\r\n"+
		"From: <sip:aysel@hotline.example>;tag=1\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d REGISTER\r\nMax-Forwards: 70\r\n",
		g.cseq, g.to, g.callID, g.cseq)
	if !g.plain {
		l := goodLogin(challengedNonce(h.digest.challenge(src, "test", false)))
		l.user, l.secret = g.user, map[string]string{"aysel": "s3cret", "rauf": "other"}[g.user]
		fmt.Fprintf(&b, "Authorization: %s\r\n", l.header())
	}
	for _, line := range g.headers {
		b.WriteString(line + "\r\n")
	}
	b.WriteString("Content-Length: 0\r\n\r\n")
	m, err := sipmsg.ParseMessage([]byte(b.String()))
	if err != nil {
		h.t.Fatalf("%v in\n%s", err, b.String())
	}
	return m.(*sipmsg.Request), arrival{Side: phoneSide, Transport: g.transport, Source: src,
		Local: netip.MustParseAddrPort("203.0.113.1:5070")}
}

func (h *registryTest) send(g regist) *sipmsg.Response {
	h.cseq++
	if g.user == "" {
		g.user = "aysel"
	}
	if g.to == "" {
		g.to = "<sip:" + g.user + "@hotline.example>"
	}
	if g.callID == "" {
		g.callID = "desk"
	}
	if g.cseq == 0 {
		g.cseq = h.cseq
	}
	if g.src == "" {
		g.src = "192.0.2.10:5060"
	}
	if g.transport == "" {
		g.transport = "udp"
	}
	return h.register(h.request(g))
}

// must sends a REGISTER that has to be taken, and is the contacts of the 200.
func (h *registryTest) must(g regist) []string {
	res := h.send(g)
	if res.StatusCode != 200 {
		h.t.Fatalf("%+v got %d %s", g, res.StatusCode, res.Reason)
	}
	var out []string
	for _, c := range res.GetHeaders("Contact") {
		out = append(out, c.Value())
	}
	return out
}

// uris is where a user is rung.
func (h *registryTest) uris(user string) string {
	var out []string
	for _, b := range h.contacts(user) {
		out = append(out, strings.TrimPrefix(b.Contact, "sip:"))
	}
	return strings.Join(out, " ")
}

func contactLine(uri string, params ...string) string {
	return "Contact: <sip:" + uri + ">" + strings.Join(params, "")
}

func TestAPhoneRegistersRefreshesAndLeaves(t *testing.T) {
	h := newRegistry(t, newShelf())
	got := h.must(regist{headers: []string{contactLine("aysel@10.0.0.5:5060"), "Expires: 300", "Path: <sip:edge;lr>", "Supported: path, outbound"}})
	if !slices.Equal(got, []string{"<sip:aysel@10.0.0.5:5060>;expires=300"}) {
		t.Errorf("the 200 lists %q", got)
	}
	b := h.contacts("aysel")[0]
	if b.Source != deskAddr || b.Local.String() != "203.0.113.1:5070" || b.Transport != "udp" {
		t.Errorf("requests would go to %s by %s from %s", b.Source, b.Transport, b.Local)
	}
	h.clock.forward(290 * time.Second)
	h.must(regist{headers: []string{contactLine("aysel@10.0.0.5:5060"), "Expires: 300"}, src: "192.0.2.10:7777"})
	b = h.contacts("aysel")[0]
	if b.Source.Port() != 7777 || !b.Since.Equal(newHandClock().at) {
		t.Errorf("after a refresh: %+v", b)
	}
	if _, ok := h.bySource(deskAddr); ok {
		t.Error("the old port is still known")
	}
	if user, ok := h.bySource(netip.MustParseAddrPort("[::ffff:192.0.2.10]:7777")); !ok || user != "aysel" {
		t.Errorf("the new port is %q", user)
	}
	h.clock.forward(10500 * time.Millisecond)
	if got := h.must(regist{}); !slices.Equal(got, []string{"<sip:aysel@10.0.0.5:5060>;expires=290"}) {
		t.Errorf("a query lists %q", got)
	}
	if got := h.must(regist{headers: []string{contactLine("aysel@10.0.0.5:5060"), "Expires: 0"}}); len(got) != 0 {
		t.Errorf("after leaving: %q", got)
	}
	if want := []string{"aysel on fresh", "aysel off"}; !slices.Equal(h.told, want) {
		t.Errorf("told %q, want %q", h.told, want)
	}
	if len(h.shelf.rows) != 0 || h.count() != 0 {
		t.Errorf("left behind: %v, count %d", h.shelf.rows, h.count())
	}
}

func TestRegistersThatAreRefused(t *testing.T) {
	good := contactLine("aysel@10.0.0.5")
	for name, c := range map[string]struct {
		g    regist
		code int
	}{
		"no credentials":                  {regist{plain: true, headers: []string{good}}, 401},
		"unknown scheme (regaut01)":       {regist{plain: true, headers: []string{good, "Authorization: NoOneKnowsThisScheme opaque-data=here"}}, 401},
		"an unknown user":                 {regist{user: "nobody", headers: []string{good}}, 401},
		"for somebody else":               {regist{user: "rauf", to: "<sip:aysel@hotline.example>", headers: []string{good}}, 403},
		"for another case of the name":    {regist{to: "<sip:Aysel@hotline.example>", headers: []string{good}}, 403},
		"headers in a contact (regescrt)": {regist{headers: []string{"Contact: <sip:user@example.com?Route=%3Csip:sip.example.com%3E>"}}, 400},
		"? without brackets (regbadct)":   {regist{headers: []string{"Contact: sip:user@example.com?Route=%3Csip:sip.example.com%3E"}}, 400},
		"no SIP address in To (unksm2)":   {regist{to: "<isbn:2983792873>", headers: []string{good}}, 400},
		"a telephone number in To":        {regist{to: "<tel:+99412000000>", headers: []string{good}}, 400},
		"nobody in To":                    {regist{to: "<sip:hotline.example>", headers: []string{good}}, 400},
		"a contact that is a mailbox":     {regist{headers: []string{"Contact: <mailto:aysel@example.com>"}}, 400},
		"a contact with a blank":          {regist{headers: []string{"Contact: <sip:ay sel@10.0.0.5>"}}, 400},
		"a contact that is very long":     {regist{headers: []string{contactLine(strings.Repeat("a", 600) + "@10.0.0.5")}}, 400},
		"nine contacts":                   {regist{headers: slices.Repeat([]string{good}, 9)}, 400},
		"* without Expires":               {regist{headers: []string{"Contact: *"}}, 400},
		"* with an Expires of more":       {regist{headers: []string{"Contact: *", "Expires: 60"}}, 400},
		"* beside a contact":              {regist{headers: []string{"Contact: *", good, "Expires: 0"}}, 400},
		"an extension we lack":            {regist{headers: []string{good, "Require: path, gruu"}}, 420},
		"one asked for by a stranger":     {regist{plain: true, headers: []string{good, "Require: path"}}, 401},
		"too short":                       {regist{headers: []string{good, "Expires: 59"}}, 423},
		"too short in the parameter":      {regist{headers: []string{good + ";expires=10", "Expires: 600"}}, 423},
		"one of two too short":            {regist{headers: []string{good, contactLine("b@10.0.0.6", ";expires=1")}}, 423},
	} {
		t.Run(name, func(t *testing.T) {
			h := newRegistry(t, newShelf())
			res := h.send(c.g)
			if res.StatusCode != c.code {
				t.Errorf("got %d, want %d", res.StatusCode, c.code)
			}
			if n := len(res.GetHeaders("WWW-Authenticate")); (n == 2) != (c.code == 401) {
				t.Errorf("%d challenges", n)
			}
			if u := res.GetHeader("Unsupported"); (u != nil && u.Value() == "gruu") != (c.code == 420) {
				t.Errorf("Unsupported %v", u)
			}
			if m := res.GetHeader("Min-Expires"); (m != nil && m.Value() == "60") != (c.code == 423) {
				t.Errorf("Min-Expires %v", m)
			}
			if h.count() != 0 || len(h.shelf.rows) != 0 || len(h.told) != 0 {
				t.Errorf("something was changed: %v %v", h.shelf.rows, h.told)
			}
		})
	}
}

func TestUnknownUsersAndWrongSecretsAreAnsweredAlike(t *testing.T) {
	h := newRegistry(t, newShelf())
	shape := func(res *sipmsg.Response) string {
		var out []string
		for _, line := range strings.Split(res.String(), "\r\n") {
			line, _, _ = strings.Cut(line, "nonce=")
			if !strings.HasPrefix(line, "To:") && !strings.HasPrefix(line, "CSeq:") && !strings.HasPrefix(line, "Via:") {
				out = append(out, line)
			}
		}
		return strings.Join(out, "\n")
	}
	to := "<sip:aysel@hotline.example>"
	none := shape(h.send(regist{plain: true, to: to}))
	unknown := shape(h.send(regist{user: "nobody", to: to}))
	wrong := shape(h.send(regist{plain: true, to: to, headers: []string{"Authorization: " + goodLogin("x").header()[:60] + `"`}}))
	if none != unknown || none != wrong {
		t.Errorf("none:\n%s\nunknown:\n%s\nwrong:\n%s", none, unknown, wrong)
	}
}

func TestHowLongARegistrationLasts(t *testing.T) {
	for name, c := range map[string]struct {
		headers []string
		seconds int
	}{
		"not said":                         {[]string{contactLine("a@10.0.0.5")}, 600},
		"by the header":                    {[]string{contactLine("a@10.0.0.5"), "Expires: 120"}, 120},
		"by the parameter before a header": {[]string{contactLine("a@10.0.0.5", ";expires=90"), "Expires: 120"}, 90},
		"the parameter in other spelling":  {[]string{contactLine("a@10.0.0.5", `; Expires = "90"`)}, 90},
		"longer than we like":              {[]string{contactLine("a@10.0.0.5"), "Expires: 86400"}, 3600},
		"longer than a number":             {[]string{contactLine("a@10.0.0.5"), "Expires: 99999999999999999999"}, 3600},
		"not a number":                     {[]string{contactLine("a@10.0.0.5", ";expires=soon")}, 600},
		"the shortest":                     {[]string{contactLine("a@10.0.0.5"), "Expires: 60"}, 60},
	} {
		t.Run(name, func(t *testing.T) {
			h := newRegistry(t, newShelf())
			want := []string{fmt.Sprintf("<sip:a@10.0.0.5>;expires=%d", c.seconds)}
			if got := h.must(regist{headers: c.headers}); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			h.expire(h.clock.at.Add(time.Duration(c.seconds)*time.Second - 1))
			if h.count() != 1 {
				t.Error("gone too early")
			}
			h.clock.forward(time.Duration(c.seconds) * time.Second)
			if h.uris("aysel") != "" {
				t.Error("rung after its time")
			}
			h.expire(h.clock.at)
			if h.count() != 0 || len(h.shelf.rows) != 0 || h.told[len(h.told)-1] != "aysel off" {
				t.Errorf("still there: %v %v", h.shelf.rows, h.told)
			}
		})
	}
}

func TestWhichContactReplacesWhich(t *testing.T) {
	instance := func(s string) string { return `;+sip.instance="<urn:uuid:` + s + `>"` }
	type step struct {
		callID string
		lines  []string
	}
	for name, c := range map[string]struct {
		steps []step
		want  string
	}{
		"two phones stand beside each other": {[]step{
			{"1", []string{contactLine("a@10.0.0.1")}}, {"2", []string{contactLine("a@10.0.0.2")}}}, "a@10.0.0.1 a@10.0.0.2"},
		"the fourth pushes out the oldest": {[]step{
			{"1", []string{contactLine("a@10.0.0.1")}}, {"2", []string{contactLine("a@10.0.0.2")}},
			{"3", []string{contactLine("a@10.0.0.3")}}, {"4", []string{contactLine("a@10.0.0.4")}}},
			"a@10.0.0.2 a@10.0.0.3 a@10.0.0.4"},
		"a refreshed one is not the oldest": {[]step{
			{"1", []string{contactLine("a@10.0.0.1")}}, {"2", []string{contactLine("a@10.0.0.2")}},
			{"3", []string{contactLine("a@10.0.0.3")}}, {"1", []string{contactLine("a@10.0.0.1")}},
			{"4", []string{contactLine("a@10.0.0.4")}}}, "a@10.0.0.3 a@10.0.0.1 a@10.0.0.4"},
		"the same phone with a new address": {[]step{
			{"1", []string{contactLine("a@10.0.0.1")}}, {"1", []string{contactLine("a@10.0.0.2")}}}, "a@10.0.0.2"},
		"the same device after a restart": {[]step{
			{"1", []string{contactLine("a@10.0.0.1:50001", instance("AB"))}},
			{"2", []string{contactLine("a@10.0.0.1:50002", instance("ab"))}}}, "a@10.0.0.1:50002"},
		"two devices that share a Call-ID": {[]step{
			{"1", []string{contactLine("a@10.0.0.1", instance("aa"))}},
			{"1", []string{contactLine("a@10.0.0.2", instance("bb"))}}}, "a@10.0.0.1 a@10.0.0.2"},
		"two contacts of one phone": {[]step{
			{"1", []string{contactLine("a@10.0.0.1") + ", <sip:a@10.0.0.2>"}}}, "a@10.0.0.1 a@10.0.0.2"},
		"two contacts of one phone, again": {[]step{
			{"1", []string{contactLine("a@10.0.0.1"), contactLine("a@10.0.0.2")}},
			{"1", []string{contactLine("a@10.0.0.1"), contactLine("a@10.0.0.2")}}}, "a@10.0.0.1 a@10.0.0.2"},
		"the same address in capitals": {[]step{
			{"1", []string{contactLine("a@PHONE.example")}}, {"2", []string{contactLine("a@phone.example")}}}, "a@phone.example"},
		"one of two taken away": {[]step{
			{"1", []string{contactLine("a@10.0.0.1"), contactLine("a@10.0.0.2")}},
			{"1", []string{contactLine("a@10.0.0.1", ";expires=0")}}}, "a@10.0.0.2"},
		"taking away what is not there": {[]step{
			{"1", []string{contactLine("a@10.0.0.1")}}, {"1", []string{contactLine("a@10.0.0.9", ";expires=0")}}}, "a@10.0.0.1"},
		"one for another in one REGISTER": {[]step{
			{"1", []string{contactLine("a@10.0.0.1")}},
			{"1", []string{contactLine("a@10.0.0.1", ";expires=0"), contactLine("a@10.0.0.2")}}}, "a@10.0.0.2"},
		"all away": {[]step{
			{"1", []string{contactLine("a@10.0.0.1")}}, {"2", []string{contactLine("a@10.0.0.2")}},
			{"3", []string{"Contact: *", "Expires: 0"}}}, ""},
		"a browser's address is kept as it is": {[]step{
			{"1", []string{contactLine("x7k@df7jal23ls0d.invalid;transport=ws")}}}, "x7k@df7jal23ls0d.invalid;transport=ws"},
		"without brackets": {[]step{{"1", []string{"Contact: sip:a@10.0.0.1;expires=300"}}}, "a@10.0.0.1"},
		"with a name and a comma in it": {[]step{
			{"1", []string{`Contact: "Aysel, desk" <sip:a@10.0.0.1>`}}}, "a@10.0.0.1"},
		"in the short form": {[]step{{"1", []string{"m: <sip:a@10.0.0.1>"}}}, "a@10.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newRegistry(t, newShelf())
			for _, s := range c.steps {
				h.must(regist{callID: s.callID, headers: s.lines})
				h.clock.forward(time.Second)
			}
			if got := h.uris("aysel"); got != c.want {
				t.Errorf("rings %q, want %q", got, c.want)
			}
			var saved []string
			for _, b := range h.contacts("aysel") {
				saved = append(saved, b.Contact)
			}
			slices.Sort(saved)
			if got := h.shelf.contacts("aysel"); !slices.Equal(got, saved) {
				t.Errorf("the store has %q, want %q", got, saved)
			}
			want := []string{"aysel on fresh"}
			if c.want == "" {
				want = append(want, "aysel off")
			}
			if !slices.Equal(h.told, want) {
				t.Errorf("told %q, want %q", h.told, want)
			}
		})
	}
}

func TestAnOvertakenRegisterChangesNothing(t *testing.T) {
	h := newRegistry(t, newShelf())
	h.must(regist{cseq: 10, headers: []string{contactLine("a@10.0.0.1")}})
	for name, g := range map[string]regist{
		"the same CSeq":  {cseq: 10, headers: []string{contactLine("a@10.0.0.1"), "Expires: 0"}},
		"a lower one":    {cseq: 9, headers: []string{contactLine("a@10.0.0.2")}},
		"everybody away": {cseq: 9, headers: []string{"Contact: *", "Expires: 0"}},
	} {
		if res := h.send(g); res.StatusCode != 500 {
			t.Errorf("%s: got %d", name, res.StatusCode)
		}
	}
	if h.uris("aysel") != "a@10.0.0.1" || len(h.told) != 1 {
		t.Errorf("changed: %q %q", h.uris("aysel"), h.told)
	}
	h.must(regist{cseq: 1, callID: "after a restart of the phone", headers: []string{contactLine("a@10.0.0.1")}})
	h.must(regist{cseq: 11, callID: "desk", headers: []string{contactLine("a@10.0.0.1")}})
}

func TestAReplayedRegisterIsNotTaken(t *testing.T) {
	h := newRegistry(t, newShelf())
	req, from := h.request(regist{user: "aysel", to: "<sip:aysel@hotline.example>", callID: "x", cseq: 1,
		headers: []string{contactLine("a@10.0.0.1")}, src: "192.0.2.10:5060", transport: "udp"})
	if res := h.register(req, from); res.StatusCode != 200 {
		t.Fatalf("got %d", res.StatusCode)
	}
	res := h.register(req, from)
	if res.StatusCode != 401 || !strings.Contains(res.GetHeader("WWW-Authenticate").Value(), "stale=true") {
		t.Errorf("got %d %s", res.StatusCode, res.GetHeader("WWW-Authenticate"))
	}
}

func TestATCPPhoneIsGoneWithItsConnection(t *testing.T) {
	h := newRegistry(t, newShelf())
	line := contactLine("a@10.0.0.1;transport=tcp")
	h.must(regist{transport: "TCP", src: "192.0.2.10:40001", headers: []string{line}})
	h.connectionGone("tcp", netip.MustParseAddrPort("192.0.2.10:40009")) // another's
	h.connectionGone("udp", netip.MustParseAddrPort("192.0.2.10:40001"))
	if h.count() != 1 {
		t.Fatal("gone with a connection that is not its own")
	}
	h.connectionGone("tcp", netip.MustParseAddrPort("192.0.2.10:40001"))
	if h.uris("aysel") != "" || h.count() != 0 {
		t.Error("still rung")
	}
	h.must(regist{transport: "tcp", src: "192.0.2.10:40002", headers: []string{line}})
	// The phone may be back before we learn that the old connection died.
	h.must(regist{transport: "tcp", src: "192.0.2.10:40003", headers: []string{line}})
	h.connectionGone("tcp", netip.MustParseAddrPort("192.0.2.10:40002"))
	if h.count() != 1 {
		t.Error("gone with its old connection")
	}
	if want := []string{"aysel on fresh", "aysel off", "aysel on fresh"}; !slices.Equal(h.told, want) {
		t.Errorf("told %q, want %q", h.told, want)
	}
}

func TestTwoAccountsOfOneSoftphoneGoTogether(t *testing.T) {
	h := newRegistry(t, newShelf())
	h.must(regist{transport: "tcp", headers: []string{contactLine("a@10.0.0.1")}})
	h.must(regist{user: "rauf", transport: "tcp", headers: []string{contactLine("r@10.0.0.1")}})
	if len(h.all()) != 2 {
		t.Errorf("%v", h.all())
	}
	h.must(regist{headers: []string{"Contact: *", "Expires: 0"}, transport: "tcp"})
	if user, ok := h.bySource(deskAddr); !ok || user != "rauf" {
		t.Errorf("the address is now %q", user)
	}
	h.connectionGone("tcp", deskAddr)
	if _, ok := h.bySource(deskAddr); ok || h.count() != 0 {
		t.Error("still known")
	}
}

func TestAfterARestart(t *testing.T) {
	h := newRegistry(t, newShelf())
	h.must(regist{callID: "u", headers: []string{contactLine("a@10.0.0.1"), "Expires: 600"}})
	h.must(regist{callID: "t", user: "rauf", transport: "tcp", src: "192.0.2.20:40001", headers: []string{contactLine("r@10.0.0.2")}})
	h.clock.forward(time.Minute)
	h.restart()

	if want := []string{"aysel on"}; !slices.Equal(h.told, want) {
		t.Errorf("told %q, want %q", h.told, want)
	}
	if h.uris("aysel") != "a@10.0.0.1" || h.uris("rauf") != "" || h.count() != 1 {
		t.Errorf("rings %q and %q", h.uris("aysel"), h.uris("rauf"))
	}
	if _, ok := h.bySource(deskAddr); !ok {
		t.Error("the UDP phone's address is not known")
	}
	// The TCP phone comes back: it was registered all along, so nothing makes it ready anew.
	h.must(regist{callID: "t", user: "rauf", transport: "tcp", src: "192.0.2.20:40002", headers: []string{contactLine("r@10.0.0.2")}})
	// A refresh by the UDP phone is a refresh, also over a restart.
	h.must(regist{callID: "u", headers: []string{contactLine("a@10.0.0.1")}})
	if want := []string{"aysel on", "rauf on"}; !slices.Equal(h.told, want) {
		t.Errorf("told %q, want %q", h.told, want)
	}
	if !h.contacts("rauf")[0].Since.Equal(newHandClock().at) {
		t.Error("since when was forgotten")
	}
}

func TestARestartForgetsWhatIsOver(t *testing.T) {
	now := newHandClock().at
	row := func(user, contact string, since, expires time.Duration) call.Binding {
		return call.Binding{User: user, Contact: contact, Transport: "udp", Source: deskAddr,
			Since: now.Add(since), Expires: now.Add(expires), SIPCallID: contact}
	}
	h := newRegistry(t, newShelf(
		row("aysel", "sip:a@10.0.0.1", -4*time.Hour, time.Minute),
		row("aysel", "sip:a@10.0.0.2", -3*time.Hour, time.Minute),
		row("aysel", "sip:a@10.0.0.3", -2*time.Hour, time.Minute),
		row("aysel", "sip:a@10.0.0.4", -time.Hour, time.Minute),
		row("aysel", "not an address", -time.Hour, time.Minute),
		row("rauf", "sip:r@10.0.0.5", -time.Hour, 0),
	))
	if got := h.uris("aysel"); got != "a@10.0.0.2 a@10.0.0.3 a@10.0.0.4" {
		t.Errorf("rings %q", got)
	}
	if len(h.shelf.rows) != 3 || !slices.Equal(h.told, []string{"aysel on"}) {
		t.Errorf("store %v, told %q", h.shelf.rows, h.told)
	}
}

func TestAStoreThatFailsCostsNoRegistration(t *testing.T) {
	h := newRegistry(t, newShelf())
	h.shelf.fail = errors.New("disk full")
	h.must(regist{headers: []string{contactLine("a@10.0.0.1")}})
	if h.count() != 1 {
		t.Error("not registered")
	}
	if _, err := newRegistrar(registrarOptions{Digest: h.digest, Bindings: h.shelf, Log: zap.NewNop()}); err == nil {
		t.Error("a start without the registrations of before went unnoticed")
	}
}

func TestWhatARegistrarNeedsIsSaid(t *testing.T) {
	if _, err := newRegistrar(registrarOptions{}); err == nil {
		t.Error("made of nothing")
	}
}

// TestRegistrationsHoldWhateverComes runs phones at random against a registrar and checks what
// must hold after each step, also that nobody is told a change that is none.
func TestRegistrationsHoldWhateverComes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := newRegistry(t, newShelf())
		for range rapid.IntRange(1, 25).Draw(t, "steps") {
			user := rapid.SampledFrom([]string{"aysel", "rauf"}).Draw(t, "user")
			n := rapid.IntRange(1, 5).Draw(t, "phone")
			transport := []string{"udp", "tcp"}[n%2]
			src := fmt.Sprintf("192.0.2.%d:5060", n)
			line := contactLine(fmt.Sprintf("p%d@10.0.0.%d", n, n))
			switch rapid.IntRange(0, 7).Draw(t, "what") {
			case 0, 1, 2, 3:
				h.must(regist{user: user, callID: fmt.Sprint(n), src: src, transport: transport, headers: []string{line}})
			case 4:
				h.must(regist{user: user, callID: fmt.Sprint(n), src: src, transport: transport, headers: []string{line, "Expires: 0"}})
			case 5:
				h.clock.forward(time.Duration(rapid.IntRange(0, 400).Draw(t, "s")) * time.Second)
				h.expire(h.clock.at)
			case 6:
				h.connectionGone("tcp", netip.MustParseAddrPort(src))
			case 7:
				h.restart()
			}
			h.check(t)
		}
	})
}

func (h *registryTest) check(t *rapid.T) {
	last := map[string]string{}
	for _, s := range h.told {
		user, what, _ := strings.Cut(s, " ")
		if on := what != "off"; last[user] != "" && on == (last[user] != "off") || last[user] == "" && !on {
			t.Fatalf("told %q", h.told)
		}
		last[user] = what
	}
	rung := 0
	for _, user := range []string{"aysel", "rauf"} {
		live := h.contacts(user)
		if len(live) > 0 {
			rung++
		}
		if on := last[user] != "" && last[user] != "off"; on != (len(live) > 0) {
			t.Fatalf("%s has %d contacts and was told %q", user, len(live), h.told)
		}
		if all := h.table.of(user); len(all) > maxBindings || len(all) != len(h.shelf.contacts(user)) {
			t.Fatalf("%s has %d bindings, the store %q", user, len(all), h.shelf.contacts(user))
		}
		for _, b := range live {
			if _, ok := h.bySource(b.Source); !ok || !b.Expires.After(h.clock.at) {
				t.Fatalf("%+v cannot be reached", b)
			}
		}
	}
	if h.count() != rung {
		t.Fatalf("count %d, %d are rung", h.count(), rung)
	}
	for src, users := range h.table.sources {
		for _, u := range users {
			if !slices.ContainsFunc(h.table.of(u), func(b *bound) bool { return b.Source == src && b.reach == reached }) {
				t.Fatalf("%s is still known for %s", src, u)
			}
		}
	}
}

func FuzzContacts(f *testing.F) {
	for _, s := range []string{
		"*", "<sip:a@10.0.0.1>", `"A, \"B\"" <sip:a@[2001:db8::1]:5060;transport=tcp>;expires=60;+sip.instance="<urn:uuid:x>"`,
		"sip:a@b;expires=0, <sips:c@d;lr>;q=0.5", "sip:user@example.com?Route=%3Csip:sip.example.com%3E", "<sip:caller@example.net>;;,,",
		`<sip:a@b>;x="a;b,c"`, "<<sip:a>>", `"`, "sip:%00@b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		req := asked()
		req.AppendHeader(sipmsg.NewHeader("Contact", value))
		list, star, err := readContacts(req)
		if err != nil {
			return
		}
		if star && len(list) > 0 || len(list) > maxContacts {
			t.Fatalf("%d contacts and * %t of %q", len(list), star, value)
		}
		for _, c := range list {
			// What we list in the 200 and write into a Request-URI must be one address again.
			again, err := readContact("<" + c.uri + ">")
			if err != nil || again.key != c.key || again.uri != c.uri || c.key == "" || !printable(c.uri) {
				t.Fatalf("%q of %q is read back as %+v, %v", c.uri, value, again, err)
			}
			if strings.ContainsAny(c.uri, "<>\"\r\n ?") || c.expires < -1 {
				t.Fatalf("%+v of %q", c, value)
			}
		}
	})
}
