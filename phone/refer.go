package phone

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Transfer asks the peer to send whoever it has on the other side to somebody else: a blind
// transfer (RFC 3515). To is a SIP URI. It returns when the request has been accepted; what becomes
// of it comes on Referred.
func (c *Call) Transfer(ctx context.Context, to string) error {
	return c.refer(ctx, "<"+to+">")
}

// TransferTo asks the peer to join the two that this call and the other one speak with: an attended
// transfer (RFC 3891, RFC 5589 §7). To is the other one's SIP URI.
func (c *Call) TransferTo(ctx context.Context, to string, other *Call) error {
	other.mu.Lock()
	theirs := parseAddress(other.remote).param("tag")
	if theirs == "" {
		theirs = other.theirEarlyTag // it rings still
	}
	replaces := fmt.Sprintf("%s;to-tag=%s;from-tag=%s", other.callID, theirs, other.ourTag)
	other.mu.Unlock()
	return c.refer(ctx, "<"+to+"?Replaces="+url.QueryEscape(replaces)+">")
}

func (c *Call) refer(ctx context.Context, to string) error {
	resp, err := c.Request(ctx, "REFER", []Header{{"Refer-To", to}, {"Referred-By", parseAddress(c.local).URI}}, nil)
	return expect("REFER", resp, err)
}

// Referred tells the statuses of transfers that this call asked for, as they come: 100, 180, then a
// final one. It is buffered with 32; what comes when it is full is not told.
func (c *Call) Referred() <-chan int { return c.told }

// WaitReferred waits for the final status of a transfer.
func (c *Call) WaitReferred(ctx context.Context) (int, error) {
	for {
		select {
		case code := <-c.told:
			if code >= 200 {
				return code, nil
			}
		case <-ctx.Done():
			return 0, fmt.Errorf("wait for the end of a transfer: %w", ctx.Err())
		}
	}
}

// notified takes the news of a transfer out of a NOTIFY (message/sipfrag).
func (c *Call) notified(m *Message) {
	line, _, _ := strings.Cut(string(m.Body), "\n")
	f := strings.Fields(line)
	if len(f) < 2 || f[0] != "SIP/2.0" {
		return
	}
	code, err := strconv.Atoi(f[1])
	if err != nil {
		return
	}
	select {
	case c.told <- code:
	default:
	}
}
