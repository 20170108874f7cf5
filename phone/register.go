package phone

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// A registration is the phone's one binding at its registrar (RFC 3261 §10.2).
type registration struct {
	mu        sync.Mutex // one REGISTER at a time
	callID    string     // the same for all, as §10.2.4 asks
	cseq      uint32
	from      string
	challenge *challenge // the last one answered: its nonce serves again until called stale
	stop      context.CancelFunc
}

// Register registers the phone for that long (whole seconds) and refreshes it at half the time
// that the registrar granted, until Unregister or Close. An answer that is not 2xx is a
// *Rejected error: 401 or 403 with a wrong secret.
func (p *Phone) Register(ctx context.Context, expires time.Duration) error {
	r, err := p.registration()
	if err != nil {
		return err
	}
	granted, err := p.sendRegister(ctx, r, expires)
	if err != nil {
		return fmt.Errorf("register: %w", err)
	}
	refresh, stop := context.WithCancel(p.ctx)
	r.mu.Lock()
	if r.stop != nil {
		r.stop()
	}
	r.stop = stop
	r.mu.Unlock()
	p.start(func() { p.refresh(refresh, r, expires, granted) })
	return nil
}

// Unregister takes the binding back and stops refreshing it.
func (p *Phone) Unregister(ctx context.Context) error {
	r, err := p.registration()
	if err != nil {
		return err
	}
	p.StopRefreshing()
	if _, err := p.sendRegister(ctx, r, 0); err != nil {
		return fmt.Errorf("unregister: %w", err)
	}
	return nil
}

// StopRefreshing lets the binding run out, as a phone that lost its network does.
func (p *Phone) StopRefreshing() {
	if r, err := p.registration(); err == nil {
		r.mu.Lock()
		if r.stop != nil {
			r.stop()
		}
		r.mu.Unlock()
	}
}

func (p *Phone) registration() (*registration, error) {
	if p.o.Server == "" {
		return nil, errors.New("phone: register: no server is set")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.register == nil {
		p.register = &registration{callID: randomHex(12) + "@" + p.host, from: p.ownAddress()}
	}
	return p.register, nil
}

func (p *Phone) refresh(ctx context.Context, r *registration, expires, granted time.Duration) {
	for {
		t := time.NewTimer(granted / 2)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-t.C:
		}
		again, err := p.sendRegister(ctx, r, expires)
		switch {
		case err == nil:
			granted = again
		case ctx.Err() != nil:
			return
		default:
			p.trace("register: refresh: %v", err)
			granted = max(granted/2, 2*time.Second) // sooner and sooner, but no flood
		}
	}
}

// sendRegister sends one REGISTER and answers its challenge; it returns the time granted.
func (p *Phone) sendRegister(ctx context.Context, r *registration, expires time.Duration) (time.Duration, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w, err := p.wireTo(p.o.Server)
	if err != nil {
		return 0, err
	}
	fresh := false
	for try := 0; try < 4; try++ {
		r.cseq++
		target := "sip:" + p.realm()
		req := p.newRequest("REGISTER", target, r.from, "<sip:"+p.o.User+"@"+p.realm()+">", r.callID, r.cseq)
		req.add("Expires", strconv.Itoa(int(expires/time.Second)))
		req.add("Allow", allow)
		if r.challenge != nil {
			r.challenge.authorize(req, p.o.User, p.o.Secret)
		}
		resp, err := p.exchange(ctx, req, w)
		if err != nil {
			return 0, err
		}
		switch {
		case resp.Code < 300:
			return p.granted(resp, expires), nil
		case resp.Code != 401 && resp.Code != 407:
			return 0, &Rejected{"REGISTER", resp.Code, resp.Reason}
		}
		c, err := pickChallenge(resp, p.o.Algorithm)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", &Rejected{"REGISTER", resp.Code, resp.Reason}, err)
		}
		// The second refusal of fresh credentials is about the secret, unless the nonce
		// is said to be stale.
		if fresh && !c.stale {
			r.challenge = nil
			return 0, &Rejected{"REGISTER", resp.Code, resp.Reason}
		}
		fresh = true
		r.challenge = c
	}
	return 0, errors.New("the registrar calls every nonce stale")
}

// granted reads what the registrar gave our contact: its own expires parameter, else the
// Expires header (RFC 3261 §10.2.4).
func (p *Phone) granted(resp *Message, asked time.Duration) time.Duration {
	own := parseAddress(p.contact()).URI
	seconds := resp.Get("Expires")
	for _, c := range resp.All("Contact") {
		if a := parseAddress(c); a.URI == own && a.param("expires") != "" {
			seconds = a.param("expires")
		}
	}
	if n, err := strconv.Atoi(seconds); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	return max(asked, 2*time.Second)
}
