//go:build acceptance

package acceptance

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// control sends a command to baresip's control socket: JSON in a netstring.
func (b *baresip) control(t testing.TB, port int, command, params string) {
	t.Helper()
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	text := fmt.Sprintf(`{"command":%q,"params":%q,"token":"t"}`, command, params)
	if _, err := fmt.Fprintf(c, "%d:%s,", len(text), text); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	for r := bufio.NewReader(c); ; {
		answer, err := r.ReadString(',')
		if err != nil {
			t.Fatalf("baresip does not answer to %s: %v", command, err)
		}
		if strings.Contains(answer, `"token":"t"`) || strings.Contains(answer, `"response":true`) {
			return
		}
	}
}

// A blind transfer as baresip asks for it: the caller goes on with a colleague, and baresip is told.
func TestBaresipPutsACallThrough(t *testing.T) {
	s, rooms := newTransferRooms(t, 1)
	r := rooms[0]
	const control = 4444
	op := newBaresip(t, r.operators[0], s.secrets[r.operators[0]], "127.0.0.1:5070", 10000,
		fmt.Sprintf("module_app ctrl_tcp.so\nctrl_tcp_listen 127.0.0.1:%d\n", control))
	c := r.queued(r.caller())
	c.Media().Say(0.3, 440)
	r.hears(c, 1000)
	colleague := r.operator(1)
	c.Media().Forget()
	h := &handing{room: r, caller: c, from: time.Now()}
	op.control(t, control, "hold", "")
	op.control(t, control, "transfer", "sip:"+r.operators[1]+"@127.0.0.1:5070")
	taken := r.rung(colleague)
	h.joined(taken, 600)
	eventually(t, 10*time.Second, "baresip is in no call", func() bool { return op.printed("200 OK") && op.printed("terminated") })
	h.ends(r.operators[1])
	r.over(taken)
}

// An attended transfer as Linphone asks for it: the operator holds the caller, talks to a colleague
// first, and then joins the two.
func TestLinphonePutsACallThrough(t *testing.T) {
	s, rooms := newTransferRooms(t, 1)
	r := rooms[0]
	op := newLinphone(t, r.operators[0], s.secrets[r.operators[0]], 15060)
	c := r.queued(r.caller())
	c.Media().Say(0.3, 440)
	op.says("Receiving new incoming call")
	op.types("answer 1")
	r.hears(c, 1000)
	colleague := r.operator(1)
	c.Media().Forget()
	h := &handing{room: r, caller: c, from: time.Now()}
	op.types("pause 1")
	op.says("paused")
	op.types("call sip:" + r.operators[1] + "@127.0.0.1:5070")
	taken := r.rung(colleague)
	if err := taken.Answer(); err != nil {
		t.Fatal(err)
	}
	taken.Media().Say(0.3, 600)
	r.hears(taken, 1000)
	op.types("transfer 1 --to-call 2")
	r.hears(c, 600)
	r.hears(taken, 440)
	h.neverSilent()
	x := h.ends(r.operators[1])
	r.over(taken)
	linked := 0
	for _, o := range ask[struct{ Calls []record }](s, "call", "list", "--all").Calls {
		if o.Kind == "consult" && str(o.Linked) == x.ID && o.Recording != nil {
			linked++
		}
	}
	if linked != 1 {
		t.Errorf("%d recorded consults are linked to the call, want one", linked)
	}
}
