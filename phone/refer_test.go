package phone

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"
)

// notify tells the other side a status.
func notify(ctx context.Context, from *Call, body string) (*Message, error) {
	return from.Request(ctx, "NOTIFY", []Header{
		{"Event", "refer"}, {"Subscription-State", "active"}, {"Content-Type", "message/sipfrag"},
	}, []byte(body))
}

func TestNewsOfATransfer(t *testing.T) {
	a, b := talk(t, Options{User: "alice"}, Options{User: "bob"}, DialOptions{})
	for _, body := range []string{"SIP/2.0 100 Trying\r\n", "junk", "", "SIP/2.0 xyz\r\n", "SIP/2.0 180 Ringing\r\n", "SIP/2.0 486 Busy Here\r\n"} {
		m, err := notify(limit(t), b, body)
		ok(t, err)
		if m.Code != 200 {
			t.Errorf("NOTIFY of %q answered %d", body, m.Code)
		}
	}
	var told []int
	for len(a.Referred()) > 1 {
		told = append(told, <-a.Referred())
	}
	code, err := a.WaitReferred(limit(t))
	ok(t, err)
	if told = append(told, code); !slices.Equal(told, []int{100, 180, 486}) {
		t.Errorf("told %v", told)
	}
	for range 40 { // nobody reads them
		_, err := notify(limit(t), b, "SIP/2.0 100 Trying\r\n")
		ok(t, err)
	}
	if n := len(a.Referred()); n != 32 {
		t.Errorf("%d statuses are kept", n)
	}
	if n := a.Received("NOTIFY"); n != 46 {
		t.Errorf("%d NOTIFY were received", n)
	}
}

// A telephone transfers nobody itself.
func TestATransferThatIsRefused(t *testing.T) {
	a, b := talk(t, Options{User: "alice"}, Options{User: "bob"}, DialOptions{})
	other, _ := talk(t, Options{User: "alice"}, Options{User: "carol"}, DialOptions{})
	for _, err := range []error{
		a.Transfer(limit(t), "sip:aysel@127.0.0.1"), a.TransferTo(limit(t), "sip:aysel@127.0.0.1", other),
	} {
		var r *Rejected
		if !errors.As(err, &r) || r.Method != "REFER" || r.Code != 405 {
			t.Errorf("%v, want 405 to REFER", err)
		}
	}
	if n := b.Received("REFER"); n != 2 {
		t.Errorf("%d REFER were received", n)
	}
}

func TestATelephoneThatDoesNotAnswerNews(t *testing.T) {
	a, b := talk(t, Options{User: "alice", Manners: Manners{NoNotify: true}}, Options{User: "bob"}, DialOptions{})
	short, cancel := context.WithTimeout(t.Context(), 700*time.Millisecond) // the request is repeated in it
	defer cancel()
	if m, err := notify(short, b, "SIP/2.0 200 OK\r\n"); err == nil {
		t.Errorf("answered %d", m.Code)
	}
	if code, err := a.WaitReferred(limit(t)); err != nil || code != 200 {
		t.Errorf("told %d, %v", code, err)
	}
	if n := a.Received("NOTIFY"); n != 1 {
		t.Errorf("%d NOTIFY were received", n)
	}
}
