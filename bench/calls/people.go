package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"hotline/phone"
)

// here is where the telephones are.
const here = "127.0.0.2:0"

// A crew is the operators' telephones. Each answers at once and talks for as long as is said.
type crew struct {
	phones []*phone.Phone
	work   sync.WaitGroup
	home   chan struct{} // closed when the shift is over
	talk   atomic.Int64  // of the next call, in ns; 0: until the caller hangs up

	mu    sync.Mutex
	taken map[string]*phone.Call // by the caller's number
}

// newCrew registers the operators.
func newCrew(ctx context.Context, n int) (*crew, error) {
	c := &crew{taken: make(map[string]*phone.Call), home: make(chan struct{})}
	for i := range n {
		p, err := phone.New(phone.Options{
			Listen: here, User: operatorName(i), Secret: secretOf(i), Server: phones, Codec: "PCMA", Remember: time.Second,
		})
		if err == nil {
			c.phones = append(c.phones, p)
			err = p.Register(ctx, 10*time.Minute)
		}
		if err != nil {
			c.close()
			return nil, fmt.Errorf("register %s: %w", operatorName(i), err)
		}
		c.work.Go(func() { c.serve(p) })
	}
	return c, nil
}

func (c *crew) close() {
	close(c.home)
	for _, p := range c.phones {
		p.Close()
	}
	c.work.Wait()
}

// serve takes one operator's calls.
func (c *crew) serve(p *phone.Phone) {
	for {
		var call *phone.Call
		select {
		case call = <-p.Incoming():
		case <-c.home:
			return
		}
		if call.Answer() != nil {
			continue // withdrawn in the same moment
		}
		call.Media().Say(0.3, 1000)
		c.mu.Lock()
		c.taken[call.From().User()] = call
		c.mu.Unlock()
		if talk := time.Duration(c.talk.Load()); talk > 0 {
			select {
			case <-time.After(talk):
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				_ = call.Hangup(ctx) // whether it came through, the caller's side tells
				cancel()
			case <-call.Done():
			}
		}
		<-call.Done()
	}
}

// with is the operator's side of a caller's call, nil if no operator has taken it.
func (c *crew) with(number string) *phone.Call {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken[number]
}

// A tale is what became of one call.
type tale struct {
	late     time.Duration // the generator's own
	answer   time.Duration // from the INVITE to its 200; 0: none
	talked   bool          // an operator took it
	released bool          // the server hung up, as it should
	failed   error         // why it was not answered
	call     *phone.Call
	number   string
}

var numbers atomic.Int64

// makeCall makes one call that was due at a time: it chooses English and waits until it is hung up.
func makeCall(ctx context.Context, crew *crew, due time.Time, stay bool) (t tale) {
	t.late = time.Since(due)
	t.number = fmt.Sprintf("+000%09d", numbers.Add(1))
	p, err := phone.New(phone.Options{Listen: here, User: t.number, Codec: "PCMA", Remember: time.Second})
	if err != nil {
		t.failed = err
		return t
	}
	if !stay {
		defer p.Close()
	}
	began := time.Now()
	c, err := p.Dial(ctx, phone.DialOptions{To: "sip:919@" + trunks})
	if err != nil {
		t.failed = err
		return t
	}
	t.answer, t.call = time.Since(began), c
	if c.Media().PressKeys(ctx, "2") != nil {
		return t
	}
	c.Media().Say(0.3, 440)
	if stay {
		return t
	}
	if c.WaitDone(ctx) != nil {
		c.Cancel()
		return t
	}
	t.released = c.EndedBy() == phone.EndedByPeer
	t.talked = crew.with(t.number) != nil
	return t
}

// percentile of a list, 0 of an empty one.
func percentile(list []time.Duration, share float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	slices.Sort(list)
	return list[min(len(list)-1, int(share*float64(len(list))))]
}
