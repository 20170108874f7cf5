package phone

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// EndedBy says what ended a call.
type EndedBy string

// The ways a call ends. The empty string is a call that is still alive.
const (
	EndedByUs      EndedBy = "us"      // this phone said BYE, or refused the call
	EndedByPeer    EndedBy = "peer"    // the peer said BYE
	EndedByRefusal EndedBy = "refusal" // the peer answered with a final response that is not 2xx
	EndedByCancel  EndedBy = "cancel"  // the caller gave up before the answer
	EndedBySilence EndedBy = "silence" // 32 s without a response, or without an ACK
	EndedByClose   EndedBy = "close"   // the phone was switched off
)

// A Call is one dialog of the phone, from its INVITE to its end. Methods may be called from any
// goroutine.
type Call struct {
	p       *Phone
	caller  bool // we sent the INVITE
	invite  *Message
	media   *Media
	session string       // of our SDP
	endedAt atomic.Int64 // Unix time in ns; 0 while it lives

	mu        sync.Mutex
	callID    string
	ourTag    string
	local     string // our From (or To) value in this dialog, with tag
	remote    string // theirs; without tag until a response brings one
	target    string // the peer's Contact
	routes    []string
	cseq      uint32 // of our last request
	wire      wire
	version   int // of our SDP
	direction string
	chosen    []int // our payload types in an answer; nil: all that we have
	event     int
	status    int
	final     *Message
	ended     EndedBy
	byeWhy    string
	received  map[string]int
	asking    bool                     // a re-INVITE of ours is under way
	awaited   map[uint32]chan struct{} // 2xx of ours that wait for their ACK, by CSeq
	delayed   map[uint32]bool          // of those, the ones whose ACK brings the SDP answer

	ackBodies map[uint32][]byte // our answers to offers that came in a 200, by CSeq

	tx       *serverTx // callee: the INVITE's
	branch   string
	manage   cancelState
	once     sync.Once
	ringOnce sync.Once
	ansOnce  sync.Once
	ackOnce  sync.Once
	twinOnce sync.Once
	ringing  chan struct{}
	answered chan struct{}
	acked    chan struct{}
	done     chan struct{}
	twinTag  string
	twin     chan struct{}
	authed   bool
	told     chan int // statuses of transfers

	theirEarlyTag string // of the last provisional response
}

// cancelState is how far the giving up of an unanswered call has come.
type cancelState struct {
	wanted, provisional, sent bool
}

func (p *Phone) newCall() (*Call, error) {
	c := &Call{
		p: p, told: make(chan int, 32), session: strconv.FormatUint(uint64(random32()), 10), ourTag: randomHex(8),
		received: map[string]int{}, awaited: map[uint32]chan struct{}{}, delayed: map[uint32]bool{}, ackBodies: map[uint32][]byte{},
		ringing: make(chan struct{}), answered: make(chan struct{}), acked: make(chan struct{}),
		done: make(chan struct{}), twin: make(chan struct{}), direction: sendrecv, event: p.o.EventType,
	}
	var err error
	if c.media, err = newMedia(p); err != nil {
		return nil, fmt.Errorf("phone: sound: %w", err)
	}
	return c, nil
}

// Phone is the telephone that the call is on.
func (c *Call) Phone() *Phone { return c.p }

// Media is the sound of the call.
func (c *Call) Media() *Media { return c.media }

// Invite is the INVITE that began the call: the last one sent, or the one received.
func (c *Call) Invite() *Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.invite
}

// Header is a header of the call's INVITE, "" when absent: X-Hotline-Call, say.
func (c *Call) Header(name string) string { return c.Invite().Get(name) }

// From is the caller as the INVITE names it.
func (c *Call) From() Address { return parseAddress(c.Header("From")) }

// CallID is the SIP Call-ID.
func (c *Call) CallID() string { return c.callID }

// Ringing is closed by the first 180 to 189 of a call that we make.
func (c *Call) Ringing() <-chan struct{} { return c.ringing }

// Answered is closed by the 200, sent or received.
func (c *Call) Answered() <-chan struct{} { return c.answered }

// Acked is closed by the first ACK for our 200. It stays open for a call that we make.
func (c *Call) Acked() <-chan struct{} { return c.acked }

// Done is closed at the end of the call.
func (c *Call) Done() <-chan struct{} { return c.done }

// TwinEnded is closed when the peer says BYE to the second answer of Manners.ForkOK.
func (c *Call) TwinEnded() <-chan struct{} { return c.twin }

// EndedBy is what ended the call, "" while it lives.
func (c *Call) EndedBy() EndedBy {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// LastStatus is the code of the last response to the INVITE, sent or received; 0 before any.
func (c *Call) LastStatus() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.status
}

// Final is the final response to our INVITE, nil before it came.
func (c *Call) Final() *Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.final
}

// ByeReason is the Reason header of the BYE or the CANCEL that was received.
func (c *Call) ByeReason() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byeWhy
}

// Received is how many requests of that method arrived in the dialog, retransmissions not
// counted. A re-INVITE is an INVITE; the first one is not counted.
func (c *Call) Received(method string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.received[method]
}

// WaitAnswered waits for the 200. A call that ends before it is a *Rejected error, with code 408
// where nobody answered at all.
func (c *Call) WaitAnswered(ctx context.Context) error {
	select {
	case <-c.answered:
		return nil
	case <-c.done:
		select {
		case <-c.answered: // both at once
			return nil
		default:
		}
		r := &Rejected{Method: "INVITE", Code: 408, Reason: "no answer"}
		if f := c.Final(); f != nil {
			r.Code, r.Reason = f.Code, f.Reason
		}
		return r
	case <-ctx.Done():
		return fmt.Errorf("INVITE: %w", ctx.Err())
	}
}

// WaitDone waits for the end of the call.
func (c *Call) WaitDone(ctx context.Context) error {
	select {
	case <-c.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for the end of the call: %w", ctx.Err())
	}
}

// keep puts the call where its messages find it, and drops calls whose last message must have
// come long ago.
func (p *Phone) keep(c *Call, tag string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for key, old := range p.calls {
		if old.goneFor() > 2*t4 {
			delete(p.calls, key)
		}
	}
	p.calls[c.callID+" "+tag] = c
	return !p.closed
}

func (c *Call) goneFor() time.Duration {
	if at := c.endedAt.Load(); at != 0 {
		return time.Since(time.Unix(0, at))
	}
	return 0
}

// end ends the call once; the first cause stays.
func (c *Call) end(by EndedBy, status int) {
	c.once.Do(func() {
		c.mu.Lock()
		c.ended = by
		c.endedAt.Store(time.Now().UnixNano())
		if status != 0 {
			c.status = status
		}
		c.mu.Unlock()
		c.p.trace("call ended by %s", by)
		c.media.close()
		close(c.done)
	})
}

func (c *Call) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// describe writes our next session description.
func (c *Call) describe(types []int, event int, direction, extra string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.version++
	host, port := c.media.advertised()
	if direction == "zero" {
		host, direction = "0.0.0.0", sendrecv
	}
	return sdp{host: host, port: port, types: types, event: event, direction: direction}.text(c.session, c.version, extra)
}

func (c *Call) offer() []byte {
	c.mu.Lock()
	direction, types, event := c.direction, c.chosen, c.event
	c.mu.Unlock()
	if types == nil {
		types = c.p.codecs
	}
	return c.describe(types, event, direction, c.p.o.ExtraSDP)
}

// takeOffer answers an offer of the peer's; an error means 488.
func (c *Call) takeOffer(body []byte) ([]byte, error) {
	d, err := parseSDP(body)
	if err != nil {
		return nil, err
	}
	both := common(d.types, c.p.codecs)
	if len(both) == 0 {
		return nil, fmt.Errorf("no common codec")
	}
	event := d.event
	if c.p.o.EventType < 0 {
		event = -1
	}
	c.mu.Lock()
	c.chosen, c.event = both[:1], event
	direction := answerDirection(d.direction)
	if c.direction != sendrecv { // we hold
		direction = inactive
		if d.direction != sendonly && d.direction != inactive {
			direction = sendonly
		}
	}
	c.mu.Unlock()
	c.media.point(d, both[0], event)
	return c.describe(both[:1], event, direction, ""), nil
}

// takeAnswer applies the peer's answer to our offer.
func (c *Call) takeAnswer(body []byte) error {
	d, err := parseSDP(body)
	if err != nil {
		return err
	}
	both := common(d.types, c.p.codecs)
	if len(both) == 0 {
		return fmt.Errorf("answer without a codec of ours")
	}
	event := d.event
	if c.p.o.EventType < 0 {
		event = -1
	}
	c.media.point(d, both[0], event)
	return nil
}
