package sip

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"hotline/call"
)

// The levels of overload; each does what those below it do.
//
//	0  all calls are taken
//	1  a new caller hears that all lines are busy: the queue is full
//	2  all calls that there may be are there, or more come a second than are taken: 486, 503
//	3  the machine is short of CPU or memory, or messages wait: 503 to every new call
//	4  messages wait even so: new calls by UDP are dropped unread
//
// 503 has no Retry-After: a carrier that believes it sends nothing at all for that time (RFC 5390).

// Limits bound the calls that are taken. Zero: no limit.
type Limits struct {
	Calls          int // at once
	CallsPerSecond int // new ones; the gate's budgets follow it
	PerNumber      int // at once from one caller's number; callers who withhold theirs share none
}

// EngineeredCalls is how many new calls a second this machine is planned for: what the
// measurements of bench show two cores to carry with room to spare, and as much for each more.
func EngineeredCalls() int { return max(10, 5*runtime.GOMAXPROCS(0)) }

// burstOfCalls is for how many seconds' worth of calls may come at once: after a broadcast that
// names the number, everybody dials within the same moments.
const burstOfCalls = 20

// rowsRate is how many refusals a second for want of a free call are taken to the line, which
// writes a record of each. Beyond that they are only counted.
func rowsRate() rate { return rate{1, 10} }

// When messages wait, and when no longer.
const (
	lateAfter   = 200 * time.Millisecond
	timelyAgain = 155 * time.Millisecond
	lateShare   = 0.01 // of the messages of a look: the 99th percentile
	fewMessages = 20   // in a look say nothing of a percentile
)

// levelLook is the time between two looks at the load, and looks how many of them must agree
// before something is believed: a second.
const (
	levelLook = 250 * time.Millisecond
	looks     = 4
)

// A Strain is how near the machine is to its end.
type Strain struct {
	CPU    float64 // share of the cores that this process may use, 0 to 1
	Memory float64 // share of the memory that it may use, 0 where nobody says how much that is
}

// A sign is one thing that shows overload, with hysteresis: it is on when it has been above in
// for some looks, and off when it has been at or below out for as many.
type sign struct {
	in, out float64
	on      bool
	held    int
}

func (g *sign) see(v float64) bool {
	above := v > g.in
	if g.on {
		above = v > g.out
	}
	if above == g.on {
		g.held = 0
		return g.on
	}
	if g.held++; g.held >= looks {
		g.on, g.held = above, 0
	}
	return g.on
}

// load is what is known of the load, and how much of it is taken.
type load struct {
	now   atomic.Int32 // the level
	calls *budget      // new calls
	rows  *budget      // refusals that the line records
	limit atomic.Pointer[Limits]

	// Messages since the last look: in all, and those that waited long.
	seen, late, slow atomic.Int64
	refused          atomic.Int64 // new calls beyond the rate since the last look

	// Of the goroutine that looks alone.
	cpu, memory, delay, deep, full, fast sign
}

func newLoad(o Limits) *load {
	l := &load{calls: newBudget(rate{1, 1}, 1), rows: newBudget(rowsRate(), 1)}
	// In at 90 parts, out at 70.
	l.cpu, l.memory = sign{in: 0.85, out: 0.66}, sign{in: 0.80, out: 0.62}
	l.delay, l.deep = sign{in: lateShare, out: lateShare}, sign{in: 0.5, out: 0.25}
	l.full, l.fast = sign{in: 0.99, out: 0.70 / 0.90}, sign{}
	l.set(o)
	return l
}

func (l *load) set(o Limits) {
	l.limit.Store(&o)
	l.calls.change(rate{o.CallsPerSecond, burstOfCalls * o.CallsPerSecond})
}

func (l *load) level() int { return int(l.now.Load()) }

// waited notes how long a message lay between being read and being decided.
func (l *load) waited(d time.Duration) {
	l.seen.Add(1)
	if d > timelyAgain {
		l.slow.Add(1)
	}
	if d > lateAfter {
		l.late.Add(1)
	}
}

// look reads the signs and returns the level. depth is the fuller of the queues of those who are
// known, share how many of the calls that there may be are there.
func (l *load) look(m Strain, depth, share float64, queueFull bool) int {
	seen, late := float64(l.seen.Swap(0)), l.late.Swap(0)
	if slow := l.slow.Swap(0); l.delay.on {
		late = slow
	}
	behind := 0.0
	if seen >= fewMessages || l.delay.on && seen > 0 {
		behind = float64(late) / seen
	}
	cpu, memory, delay := l.cpu.see(m.CPU), l.memory.see(m.Memory), l.delay.see(behind)
	short := cpu || memory || delay
	deep := l.deep.see(depth)
	full, fast := l.full.see(share), l.fast.see(float64(l.refused.Swap(0)))
	switch {
	case short && deep:
		return 4
	case short:
		return 3
	case full || fast:
		return 2
	case queueFull:
		return 1
	}
	return 0
}

// lookAtLoad looks after the level of overload.
func (s *Server) lookAtLoad(time.Time) {
	var m Strain
	if s.o.Strain != nil {
		m = s.o.Strain()
	}
	depth, share := 0.0, 0.0
	s.mu.Lock()
	for _, u := range s.udp {
		depth = max(depth, u.lanes.depth())
	}
	if most := s.load.limit.Load().Calls; most > 0 {
		share = float64(s.callers.all) / float64(most)
	}
	s.mu.Unlock()
	queueFull := s.o.QueueFull != nil && s.o.QueueFull()
	was, is := s.load.level(), s.load.look(m, depth, share, queueFull)
	if was == is {
		return
	}
	s.load.now.Store(int32(is))
	s.log.Warn("the level of overload has changed", zap.Int("from", was), zap.Int("to", is),
		zap.Float64("cpu", m.CPU), zap.Float64("memory", m.Memory), zap.Float64("queue", depth), zap.Float64("calls", share))
}

// SetLimits changes how many calls are taken. Calls that are up stay up.
func (s *Server) SetLimits(o Limits) {
	s.load.set(o)
	s.front.plan(o.CallsPerSecond)
}

// callers counts the calls of carriers that are up. The server's lock guards it.
type callers struct {
	all      int
	byNumber map[call.Number]int
}

// enter counts a leg until it ends. It is false where its number has as many calls as one may
// have. The lock is held.
func (c *callers) enter(l *leg, number call.Number, most int) bool {
	if c.busy(number, most) {
		return false
	}
	c.all++
	if number != "" {
		c.byNumber[number]++
	}
	l.after = append(l.after, func() {
		c.all--
		if c.byNumber[number]--; c.byNumber[number] <= 0 {
			delete(c.byNumber, number)
		}
	})
	return true
}

func (c *callers) busy(number call.Number, most int) bool {
	return most > 0 && number != "" && c.byNumber[number] >= most
}

// callerNumber is what a caller is counted by: "" for one who withholds the number, or whose
// carrier gives a name or a short code for it, which many may share.
func (s *Server) callerNumber(info call.Info) call.Number {
	full := s.doorway.plan().E164(string(info.From))
	digits := strings.TrimPrefix(full, "+")
	if info.Withheld || len(digits) < 7 || strings.Trim(digits, "0123456789") != "" {
		return ""
	}
	return call.Number(full)
}

// shed says with what status a new call of a carrier is refused before it is one, 0 if it is
// taken on. What is refused so costs no transaction, no leg and no record.
func (s *Server) shed(info call.Info) int {
	if s.load.level() >= 3 {
		return 503
	}
	o, number, now := s.load.limit.Load(), s.callerNumber(info), time.Now().UnixNano()
	full := false
	s.locked("shed", func() {
		full = o.Calls > 0 && s.callers.all >= o.Calls || s.callers.busy(number, o.PerNumber)
	})
	switch {
	case full && !s.load.rows.take(0, now, 1):
		return 486
	case full:
		return 0 // the line refuses it, and remembers it
	case o.CallsPerSecond > 0 && !s.load.calls.take(0, now, 1):
		s.load.refused.Add(1)
		return 503
	}
	return 0
}

// statelessTag is the To tag of an answer that is not remembered: the same for each repeat of
// the request (RFC 3261 §8.2.7).
func (s *Server) statelessTag(r *request) string {
	m := hmac.New(sha256.New, s.digest.secret[:])
	m.Write([]byte("tag\x00" + serverKey(r, r.method)))
	return hex.EncodeToString(m.Sum(nil)[:16])
}
