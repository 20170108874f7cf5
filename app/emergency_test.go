package app

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"hotline/call"
	"hotline/configs"
	"hotline/phone"
	"hotline/store"
)

// A caller who withholds the number presses 9 in the language menu, over real SIP: the first carrier is
// deaf, the second knows no 112, the third puts them through. What help says the caller hears, help sees who
// they are.
func TestTheEmergencyKeyOverRealSIP(t *testing.T) {
	file := config(t, t.TempDir(), `
directory:
  - {name: rescue, number: "112", emergency: true}
`)
	file.Emergency.To = "rescue" // not before its carriers take calls
	deaf, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	carriers, boards := file.SIP.Trunks.Carriers, []*phone.Phone{}
	reach := func(addr string) []configs.Target {
		at := netip.MustParseAddrPort(addr)
		return []configs.Target{{Host: at.Addr().String(), Port: at.Port(), Transport: configs.UDP}}
	}
	carriers[0].To = reach(deaf.LocalAddr().String())
	for i, name := range []string{"strict", "good"} {
		b, err := phone.New(phone.Options{User: "board"})
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		boards = append(boards, b)
		carriers = append(carriers, configs.Carrier{Name: name, To: reach(b.Addr()), Numbers: configs.FormE164, Priority: i + 2, Weight: 1, Calls: 2})
	}
	file.SIP.Trunks.Carriers = carriers
	a := startApp(t, Options{File: file})
	defer a.Close()

	citizen, err := phone.New(phone.Options{User: "+994505550100"})
	if err != nil {
		t.Fatal(err)
	}
	defer citizen.Close()
	c, err := citizen.DialAsync(phone.DialOptions{To: "sip:919@" + hostPort(a.Run().Trunks), Headers: []phone.Header{{Name: "Privacy", Value: "id"}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx := timeout(t, 30*time.Second)
	if err := c.WaitAnswered(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Media().PressKeys(ctx, "9"); err != nil {
		t.Fatal(err)
	}
	incoming := func(b *phone.Phone) *phone.Call {
		t.Helper()
		select {
		case in := <-b.Incoming():
			return in
		case <-ctx.Done():
			t.Fatal("help was not called")
			return nil
		}
	}
	if err := incoming(boards[0]).Reject(404); err != nil {
		t.Fatal(err)
	}
	help := incoming(boards[1])
	if from, pai := help.From(), help.Header("P-Asserted-Identity"); !strings.Contains(from.URI, "anonymous.invalid") || !strings.Contains(pai, "+994505550100@") {
		t.Errorf("From %v, P-Asserted-Identity %s", from, pai)
	}
	if d := help.Header("Diversion"); !strings.HasPrefix(d, "<sip:919@") || !strings.HasSuffix(d, ">;reason=unconditional") || help.Header("Privacy") != "id" {
		t.Errorf("Diversion %s, Privacy %s", d, help.Header("Privacy"))
	}
	if err := help.Answer(); err != nil {
		t.Fatal(err)
	}
	help.Media().Say(0.3, 700)
	c.Media().Say(0.3, 500)
	if err := c.Media().WaitTone(ctx, 700); err != nil {
		t.Errorf("the caller does not hear help: %v", err)
	}
	if err := help.Media().WaitTone(ctx, 500); err != nil {
		t.Errorf("help does not hear the caller: %v", err)
	}
	if err := help.Hangup(ctx); err != nil {
		t.Error(err)
	}
	if err := c.WaitDone(ctx); err != nil {
		t.Fatal(err)
	}
	becomes(t, "the record is closed", func() bool {
		calls, err := a.store.Calls(ctx, store.Filter{Limit: 10})
		return err == nil && len(calls) == 1 && calls[0].Outcome == call.Completed
	})
}
