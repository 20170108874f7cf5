package phone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Phone is one telephone: one signalling address, any number of calls. Its methods may be
// called from any goroutine.
type Phone struct {
	o       Options
	codecs  []int
	manners atomic.Pointer[Manners]
	host    string // what it gives as its address: its own, or the pretended one
	port    string

	ctx    context.Context // ends with Close
	stop   context.CancelFunc
	work   sync.WaitGroup
	traces sync.Mutex

	packets  *net.UDPConn // udp
	listener net.Listener // tcp

	mu       sync.Mutex
	closed   bool
	streams  map[string]*stream   // tcp, by remote address
	sent     map[string]*clientTx // by branch and method
	served   map[string]*serverTx // by branch, sent-by and method
	calls    map[string]*Call     // by Call-ID and our tag
	register *registration        // nil before the first Register
	incoming chan *Call           // see Incoming
	received map[string]int       // requests outside any call, by method
}

// New opens a phone. It listens, and takes calls, from now until Close.
func New(o Options) (*Phone, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	p := &Phone{
		o:        o,
		streams:  map[string]*stream{},
		sent:     map[string]*clientTx{},
		served:   map[string]*serverTx{},
		calls:    map[string]*Call{},
		received: map[string]int{},
		incoming: make(chan *Call, 64),
	}
	p.codecs, _ = codecList(o.Codec) // Check has seen it
	p.Behave(o.Manners)
	p.ctx, p.stop = context.WithCancel(context.Background())
	if err := p.listen(); err != nil {
		p.stop()
		return nil, fmt.Errorf("phone: listen: %w", err)
	}
	p.host, p.port, _ = net.SplitHostPort(p.Addr())
	if o.PretendAddr != "" {
		if host, port, err := net.SplitHostPort(o.PretendAddr); err == nil {
			p.host, p.port = host, port
		} else {
			p.host = o.PretendAddr
		}
	}
	if p.packets != nil {
		p.start(p.readPackets)
	} else {
		p.start(p.accept)
	}
	return p, nil
}

// Addr is the host:port the phone listens on.
func (p *Phone) Addr() string {
	if p.packets != nil {
		return p.packets.LocalAddr().String()
	}
	return p.listener.Addr().String()
}

// Behave changes the phone's manners, also those of calls that are under way.
func (p *Phone) Behave(m Manners) { p.manners.Store(&m) }

// Manners returns the manners in force.
func (p *Phone) Manners() Manners { return *p.manners.Load() }

// Incoming delivers each call whose INVITE the phone did not refuse by itself. It is never
// closed; a phone with 64 calls that nobody takes answers 486.
func (p *Phone) Incoming() <-chan *Call { return p.incoming }

// Received is how many requests of that method arrived outside any call, retransmissions not
// counted.
func (p *Phone) Received(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.received[method]
}

// Close switches the phone off as a pulled plug does: nothing is said to anybody. Calls that
// are under way end locally. It returns when all goroutines and sockets are gone.
func (p *Phone) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	calls := make([]*Call, 0, len(p.calls))
	for _, c := range p.calls {
		calls = append(calls, c)
	}
	streams := make([]*stream, 0, len(p.streams))
	for _, s := range p.streams {
		streams = append(streams, s)
	}
	p.mu.Unlock()

	p.stop()
	var errs []error
	if p.packets != nil {
		errs = append(errs, p.packets.Close())
	}
	if p.listener != nil {
		errs = append(errs, p.listener.Close())
	}
	for _, s := range streams {
		s.conn.Close()
	}
	for _, c := range calls {
		c.end(EndedByClose, 0)
	}
	p.work.Wait()
	return errors.Join(errs...)
}

// SendRaw sends bytes as they are to host:port: broken messages, keep-alives, floods.
func (p *Phone) SendRaw(to string, b []byte) error {
	w, err := p.wireTo(to)
	if err != nil {
		return err
	}
	return w.send(b)
}

// Request sends a request outside any call and waits for its final response, which may be any
// code. Digest challenges are answered when the phone has a secret. Body may be nil.
func (p *Phone) Request(ctx context.Context, method, to string, headers []Header, body []byte) (*Message, error) {
	req := p.newRequest(method, to, p.ownAddress(), "<"+to+">", randomHex(12)+"@"+p.host, 1)
	req.Headers = append(req.Headers, headers...)
	req.Body = body
	w, err := p.wireTo(parseURI(to).hostPort())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", method, err)
	}
	return p.exchangeAuth(ctx, req, w)
}

// Options sends OPTIONS to a URI and returns the code of the answer.
func (p *Phone) Options(ctx context.Context, to string) (int, error) {
	resp, err := p.Request(ctx, "OPTIONS", to, []Header{{"Accept", "application/sdp"}}, nil)
	if err != nil {
		return 0, err
	}
	return resp.Code, nil
}

// newRequest makes a request with everything but Via, which each transaction writes itself.
func (p *Phone) newRequest(method, target, from, to, callID string, cseq uint32) *Message {
	m := &Message{Method: method, URI: target}
	m.add("Max-Forwards", "70")
	m.add("From", from)
	m.add("To", to)
	m.add("Call-ID", callID)
	m.add("CSeq", strconv.FormatUint(uint64(cseq), 10)+" "+method)
	m.add("Contact", p.contact())
	m.add("User-Agent", "hotline-phone")
	return m
}

// via is a fresh topmost Via. The branch starts with the cookie of RFC 3261 §8.1.1.7; rport asks
// the peer to answer to where the request came from (RFC 3581).
func (p *Phone) via() (value, branch string) {
	branch = "z9hG4bK" + randomHex(12)
	return fmt.Sprintf("SIP/2.0/%s %s;branch=%s;rport", strings.ToUpper(p.o.Transport), net.JoinHostPort(p.host, p.port), branch), branch
}

func (p *Phone) contact() string {
	uri := "sip:" + p.o.User + "@" + net.JoinHostPort(p.host, p.port)
	if p.o.Transport != "udp" {
		uri += ";transport=" + p.o.Transport
	}
	return "<" + uri + ">"
}

// realm is the host part of the phone's address of record.
func (p *Phone) realm() string {
	if p.o.Realm != "" {
		return p.o.Realm
	}
	if p.o.Server != "" {
		host, _, _ := net.SplitHostPort(p.o.Server)
		return bracket(host)
	}
	return net.JoinHostPort(p.host, p.port)
}

// bracket puts an IPv6 address in [].
func bracket(host string) string {
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		return "[" + host + "]"
	}
	return host
}

// ownAddress is the phone's From, with a fresh tag.
func (p *Phone) ownAddress() string {
	from := "<sip:" + p.o.User + "@" + p.realm() + ">;tag=" + randomHex(8)
	if p.o.Display != "" {
		from = quote(p.o.Display) + " " + from
	}
	return from
}

func (p *Phone) trace(format string, args ...any) {
	if p.o.Trace == nil {
		return
	}
	p.traces.Lock()
	defer p.traces.Unlock()
	p.o.Trace(fmt.Sprintf(format, args...))
}

// pause waits for d or until the phone is switched off.
func (p *Phone) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-p.ctx.Done():
		return false
	}
}

// start runs f in a goroutine that Close waits for; false once the phone is switched off.
func (p *Phone) start(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.startLocked(f)
}

func (p *Phone) startLocked(f func()) bool {
	if p.closed {
		return false
	}
	p.work.Add(1)
	go func() {
		defer p.work.Done()
		f()
	}()
	return true
}
