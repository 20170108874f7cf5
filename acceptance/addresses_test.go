//go:build acceptance

package acceptance

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotline/phone"
)

// The server has two addresses a side: public ones for carriers, private ones for telephones.
// Each telephone knows one of them and must never see another. Everybody is on one machine, where
// the kernel, left to itself, always answers from the wrong one.
var (
	publicAddrs  = []string{"198.51.100.1", "198.51.100.2"}
	privateAddrs = []string{"10.7.0.1", "10.7.0.2"}
)

// carrierHost and phoneHost are those who know the i-th address of a side.
func carrierHost(i int) string { return fmt.Sprintf("203.0.113.%d", 11+i) }
func phoneHost(i int) string   { return fmt.Sprintf("10.7.1.%d", 11+i) }

// giveAddresses puts them all on lo of the test's own network.
func giveAddresses(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/sys/class/net/tohere"); err != nil {
		t.Fatal("not in a network of its own: run it by acceptance/netns.sh")
	}
	all := append(append([]string{}, publicAddrs...), privateAddrs...)
	for i := range 2 {
		all = append(all, carrierHost(i), phoneHost(i))
	}
	for _, a := range all {
		run(t, "ip", "address", "add", a+"/32", "dev", "lo")
		t.Cleanup(func() { run(t, "ip", "address", "del", a+"/32", "dev", "lo") })
	}
}

// A seen is one packet of the server's: from which of its addresses, to whom.
type seen struct{ from, to string }

// A passing is everything that passes on lo.
type passing struct {
	t    *testing.T
	file string
	stop func()
}

func capturing(t *testing.T, filter string) *passing {
	t.Helper()
	c := &passing{t: t, file: filepath.Join(t.TempDir(), "lo.pcap")}
	p := exec.Command("tshark", "-q", "-i", "lo", "-f", filter+" or udp port 9", "-w", c.file)
	var out bytes.Buffer
	p.Stderr = &out
	if err := p.Start(); err != nil {
		t.Fatalf("tshark: %v (apt-get install tshark)", err)
	}
	stopped := false
	c.stop = func() {
		if !stopped {
			stopped = true
			_ = p.Process.Signal(syscall.SIGINT)
			_ = p.Wait()
		}
	}
	t.Cleanup(c.stop)
	c.mark("the capture begins")
	return c
}

// mark sends a packet of its own and waits until it is captured, and with it all before it.
func (c *passing) mark(text string) {
	c.t.Helper()
	conn, err := net.Dial("udp", "127.0.0.1:9")
	if err != nil {
		c.t.Fatal(err)
	}
	defer conn.Close()
	eventually(c.t, 10*time.Second, "tshark captures", func() bool {
		_, _ = conn.Write([]byte(text)) // refused, since nobody is there
		b, err := os.ReadFile(c.file)
		return err == nil && bytes.Contains(b, []byte(text))
	})
}

// servers counts the packets that left a port of the server's, by address and receiver.
func (c *passing) servers(sound bool) map[seen]int {
	c.t.Helper()
	c.mark("the capture ends")
	c.stop()
	out, err := exec.Command("tshark", "-r", c.file, "-T", "fields", "-E", "separator=,", "-e", "ip.src", "-e", "ip.dst", "-e", "udp.srcport", "-e", "tcp.srcport").Output()
	if err != nil {
		c.t.Fatalf("tshark: %v", err)
	}
	packets := make(map[seen]int)
	for _, line := range strings.Fields(string(out)) {
		f := strings.Split(line, ",")
		if len(f) != 4 {
			continue
		}
		port, _ := strconv.Atoi(f[2] + f[3])
		if port == 5060 && !sound || port >= 20000 && port <= 21999 && sound {
			packets[seen{f[0], f[1]}]++
		}
	}
	return packets
}

// Public addresses on the trunk side, private ones on the phone side, all of them behind one
// socket or each with its own.
func TestTwoAddressesASide(t *testing.T) {
	giveAddresses(t)
	for _, c := range []struct {
		name, trunks, phones string
		port                 int
		transports           [2]string // of those who know the first addresses, and the second
	}{
		{"a socket for each", list("udp", publicAddrs) + ", " + list("tcp", publicAddrs), list("udp", privateAddrs) + ", " + list("tcp", privateAddrs), 5060, [2]string{"udp", "tcp"}},
		{"one socket for all", "udp://0.0.0.0:5060, tcp://0.0.0.0:5060", "udp://0.0.0.0:5062, tcp://0.0.0.0:5062", 5062, [2]string{"tcp", "udp"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newServer(t)
			s.change(map[string]string{
				"listen: [udp://127.0.0.1:5060, tcp://127.0.0.1:5060]": "listen: [" + c.trunks + "]",
				"listen: [udp://127.0.0.1:5070, tcp://127.0.0.1:5070]": "listen: [" + c.phones + "]",
				"from: [127.0.0.0/8]":        "from: [203.0.113.0/24]",
				"media: {listen: 127.0.0.1,": "media: {listen: 0.0.0.0,",
			})
			s.addOperator("aysel", "az,en,ru")
			s.addOperator("rauf", "az,en,ru")
			s.start()
			traffic := capturing(t, "udp or tcp")
			for i, name := range []string{"aysel", "rauf"} {
				s.callsBetween(i, name, c.transports[i], c.port)
			}
			onlyKnown(t, traffic, c.port)
		})
	}
}

// change replaces parts of the configuration before the start.
func (s *server) change(parts map[string]string) {
	s.t.Helper()
	config := s.read("hotline.yaml")
	for old, other := range parts {
		if !strings.Contains(config, old) {
			s.t.Fatalf("the configuration has no %q", old)
		}
		config = strings.Replace(config, old, other, 1)
	}
	s.write("hotline.yaml", config)
}

func list(transport string, addrs []string) string {
	var out []string
	for _, a := range addrs {
		out = append(out, transport+"://"+a+":5060")
	}
	return strings.Join(out, ", ")
}

// callsBetween is a call from a carrier at the i-th public address to an operator at the i-th
// private one, ended by the caller.
func (s *server) callsBetween(i int, name, transport string, port int) {
	s.t.Helper()
	op := s.operatorPhone(name, func(o *phone.Options) {
		o.Listen, o.Transport = phoneHost(i)+":0", transport
		o.Server = netip.AddrPortFrom(netip.MustParseAddr(privateAddrs[i]), uint16(port)).String()
	})
	defer op.Close()
	citizen := s.citizen(func(o *phone.Options) { o.Listen, o.Transport = carrierHost(i)+":0", transport })
	c, err := citizen.Dial(within(s.t, 5*time.Second), phone.DialOptions{To: "sip:919@" + publicAddrs[i] + ":5060"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.press(c, "2")
	taken := s.rung(op)
	s.together(c, taken, 1000)
	for what, ours := range map[string]string{
		"the caller's Contact": strings.Join(c.Final().All("Contact"), " "), "the caller's SDP": string(c.Final().Body),
	} {
		s.says(what, ours, publicAddrs[i], publicAddrs[1-i])
	}
	m := taken.Invite()
	for what, ours := range map[string]string{
		"the operator's Via": strings.Join(m.All("Via"), " "), "the operator's Contact": strings.Join(m.All("Contact"), " "),
		"the operator's From": m.Get("From"), "the operator's SDP": string(m.Body),
	} {
		s.says(what, ours, privateAddrs[i], privateAddrs[1-i])
	}
	if got := c.Media().Remote().Addr().String(); got != publicAddrs[i] {
		s.t.Errorf("the caller's sound goes to %s", got)
	}
	s.hangUp(c)
	s.over(taken)
	if r := s.lastRecord(); verdict(r) != "completed by caller" {
		s.t.Errorf("record: %s", r)
	}
}

func (s *server) says(what, text, want, never string) {
	s.t.Helper()
	if !strings.Contains(text, want) || strings.Contains(text, never) || strings.Contains(text, "0.0.0.0") {
		s.t.Errorf("%s says %q, want %s and no other", what, text, want)
	}
}

// onlyKnown demands that nobody was sent a packet from another address than the one he knows.
func onlyKnown(t *testing.T, traffic *passing, phones int) {
	t.Helper()
	knows := make(map[string]string)
	for i := range 2 {
		knows[carrierHost(i)], knows[phoneHost(i)] = publicAddrs[i], privateAddrs[i]
	}
	for _, sound := range []bool{false, true} {
		packets := traffic.servers(sound)
		for _, who := range []string{carrierHost(0), carrierHost(1), phoneHost(0), phoneHost(1)} {
			if !sound && phones != 5060 && strings.HasPrefix(who, "10.") {
				continue
			}
			if packets[seen{knows[who], who}] < 3 {
				t.Errorf("%s was sent %d packets (sound: %v)", who, packets[seen{knows[who], who}], sound)
			}
		}
		for p, n := range packets {
			if knows[p.to] != p.from {
				t.Errorf("%d packets to %s left from %s (sound: %v)", n, p.to, p.from, sound)
			}
		}
	}
}

// One socket for both families: a caller of IPv6 talks with an operator of IPv4, and the other way round.
func TestBothFamilies(t *testing.T) {
	s := newServer(t)
	s.change(map[string]string{
		"listen: [udp://127.0.0.1:5060, tcp://127.0.0.1:5060]": `listen: ["udp://[::]:5060", "tcp://[::]:5060"]`,
		"listen: [udp://127.0.0.1:5070, tcp://127.0.0.1:5070]": `listen: ["udp://[::]:5070", "tcp://[::]:5070"]`,
		"from: [127.0.0.0/8]":        `from: [127.0.0.0/8, "::1"]`,
		"media: {listen: 127.0.0.1,": `media: {listen: "::",`,
	})
	s.addOperator("aysel", "az,en,ru")
	s.start()
	const four, six = "127.0.0.1", "[::1]"
	for _, c := range []struct{ caller, operator, transport string }{
		{six, four, "udp"}, {four, six, "udp"}, {six, six, "tcp"},
	} {
		t.Run(c.caller+" to "+c.operator+" over "+c.transport, func(t *testing.T) {
			s := s.in(t)
			op := s.operatorPhone("aysel", func(o *phone.Options) {
				o.Listen, o.Server, o.Transport = c.operator+":0", c.operator+":5070", c.transport
			})
			defer op.Close()
			citizen := s.citizen(func(o *phone.Options) { o.Listen, o.Transport = c.caller+":0", c.transport })
			call, err := citizen.Dial(within(t, 5*time.Second), phone.DialOptions{To: "sip:919@" + c.caller + ":5060"})
			if err != nil {
				t.Fatal(err)
			}
			s.press(call, "2")
			taken := s.rung(op)
			s.together(call, taken, 1000)
			s.says("the caller's Contact", strings.Join(call.Final().All("Contact"), " "), "@"+c.caller+":5060", "::ffff")
			s.says("the operator's Via", strings.Join(taken.Invite().All("Via"), " "), " "+c.operator+":5070", "::ffff")
			s.hangUp(call)
			s.over(taken)
			if r := s.lastRecord(); verdict(r) != "completed by caller" {
				t.Errorf("record: %s", r)
			}
		})
	}
}

// A call that a crash left behind is ended from the address it lived on.
func TestAnOrphanIsEndedFromItsAddress(t *testing.T) {
	giveAddresses(t)
	s := newServer(t)
	s.change(map[string]string{
		"listen: [udp://127.0.0.1:5060, tcp://127.0.0.1:5060]": "listen: [udp://0.0.0.0:5060]",
		"from: [127.0.0.0/8]": "from: [203.0.113.0/24]",
	})
	s.start()
	var calls []*phone.Call
	for i := range 2 {
		citizen := s.citizen(func(o *phone.Options) { o.Listen = carrierHost(i) + ":0" })
		c, err := citizen.Dial(within(t, 5*time.Second), phone.DialOptions{To: "sip:919@" + publicAddrs[i] + ":5060"})
		if err != nil {
			t.Fatal(err)
		}
		calls = append(calls, c)
	}
	s.kill()
	traffic := capturing(t, "udp port 5060")
	s.start()
	for _, c := range calls {
		s.over(c)
	}
	packets := traffic.servers(false)
	for i := range 2 {
		if n := packets[seen{publicAddrs[i], carrierHost(i)}]; n == 0 {
			t.Errorf("no BYE from %s: %v", publicAddrs[i], packets)
		}
	}
	if len(packets) != 2 {
		t.Errorf("packets from other addresses: %v", packets)
	}
}
