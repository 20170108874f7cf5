package recording

import (
	"encoding/binary"
	"sync"
	"time"

	"hotline/call"
)

const (
	// blockSize is what is borrowed at a time: about 220 ms of a call, both directions.
	blockSize = 4096

	// maxBlocks is what one call may hold while the disk stalls: 48 blocks are 10.5 s of both
	// directions in packets of 20 ms.
	maxBlocks = 48

	// frameHead is what precedes a payload in a block: arrival (8 bytes), RTP timestamp (4),
	// length (2), channel (1), codec (1).
	frameHead = 16

	// maxPayload is the longest payload taken. 200 ms of G.711 is the longest a sane telephone
	// sends (RFC 3551 §4.2); more does not fit one Ethernet frame.
	maxPayload = 1600
)

// A block is a piece of a call's ring.
type block struct {
	next *block
	used int
	buf  [blockSize]byte
}

// add appends a frame and reports whether there was room.
func (b *block) add(f call.Frame, at time.Duration) bool {
	n := frameHead + len(f.Payload)
	if blockSize-b.used < n {
		return false
	}
	p := b.buf[b.used : b.used+n]
	binary.LittleEndian.PutUint64(p, uint64(at))
	binary.LittleEndian.PutUint32(p[8:], f.Timestamp)
	binary.LittleEndian.PutUint16(p[12:], uint16(len(f.Payload)))
	p[14], p[15] = byte(f.Channel), byte(f.Codec)
	copy(p[frameHead:], f.Payload)
	b.used += n
	return true
}

// frame is a frame on its way from the ring to its place. Its payload lies in the block.
type frame struct {
	channel   call.Channel
	codec     call.Codec
	timestamp uint32
	at        time.Duration // since the answer
	payload   []byte
}

// each calls fn for every frame of the block, in the order they came.
func (b *block) each(fn func(frame)) {
	for p := b.buf[:b.used]; len(p) > 0; {
		n := frameHead + int(binary.LittleEndian.Uint16(p[12:]))
		fn(frame{
			channel: call.Channel(p[14]), codec: call.Codec(p[15]),
			timestamp: binary.LittleEndian.Uint32(p[8:]),
			at:        time.Duration(binary.LittleEndian.Uint64(p)),
			payload:   p[frameHead:n],
		})
		p = p[n:]
	}
}

// A ring is what has come in for one call since the writer last looked. The owner's lock
// guards it.
type ring struct {
	head, tail *block
	blocks     int
	lost       [2]span // per channel: what found no room since the writer last looked
}

// A span is a stretch of a call, from and to since the answer. The zero span is none.
type span struct{ from, to time.Duration }

func (s span) empty() bool { return s.to <= s.from }

// join is the shortest span that covers both.
func (s span) join(o span) span {
	switch {
	case s.empty():
		return o
	case o.empty():
		return s
	}
	return span{min(s.from, o.from), max(s.to, o.to)}
}

// add puts a frame into the ring, borrowing a block where it has to. Where there is none to be
// had, the frame is lost, and remembered as lost.
func (q *ring) add(f call.Frame, at time.Duration, p *pool) {
	if q.tail != nil && q.tail.add(f, at) {
		return
	}
	var b *block
	if q.blocks < maxBlocks {
		b = p.get()
	}
	if b == nil {
		i := f.Channel & 1
		q.lost[i] = q.lost[i].join(span{at, at + samplesTime(int64(len(f.Payload)))})
		return
	}
	if q.tail == nil {
		q.head = b
	} else {
		q.tail.next = b
	}
	q.tail = b
	q.blocks++
	b.add(f, at)
}

// take empties the ring.
func (q *ring) take() ring {
	was := *q
	*q = ring{}
	return was
}

// A pool lends blocks to all calls. It never makes one on the caller's time: who gets none has
// lost a frame. A goroutine of its own keeps it stocked.
type pool struct {
	mu    sync.Mutex
	free  *block
	spare int // free blocks
	made  int // blocks there are, lent or free
	calls int // calls that borrow

	short chan struct{} // asks the keeper to look
}

func newPool() *pool { return &pool{short: make(chan struct{}, 1)} }

// low is the stock below which more is made: while a disk stalls, a call fills five blocks a
// second, so this is half a second's head start.
func (p *pool) low() int { return 32 + 3*p.calls }

// get lends a block, or nil.
func (p *pool) get() *block {
	p.mu.Lock()
	b := p.free
	if b != nil {
		p.free, b.next = b.next, nil
		b.used = 0
		p.spare--
	}
	short := p.spare < p.low()
	p.mu.Unlock()
	if short {
		select {
		case p.short <- struct{}{}:
		default:
		}
	}
	return b
}

// put takes back a list of blocks. What a stall made necessary is given to the garbage
// collector again when it is over.
func (p *pool) put(list *block) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for list != nil {
		b := list
		list = b.next
		if p.spare > 4*p.low() {
			p.made--
			continue
		}
		b.next, p.free = p.free, b
		p.spare++
	}
}

// enter and leave tell how many calls borrow. enter stocks up before it returns.
func (p *pool) enter() {
	p.mu.Lock()
	p.calls++
	p.mu.Unlock()
	p.stock()
}

func (p *pool) leave() {
	p.mu.Lock()
	p.calls--
	p.mu.Unlock()
}

// stock makes blocks until twice the low mark is free, or all calls could have their ten seconds.
func (p *pool) stock() {
	for {
		p.mu.Lock()
		enough := p.spare >= 2*p.low() || p.made >= 64+p.calls*(maxBlocks+4)
		p.mu.Unlock()
		if enough {
			return
		}
		b := new(block) // made outside the lock: a media thread may be waiting for it
		p.mu.Lock()
		b.next, p.free = p.free, b
		p.spare++
		p.made++
		p.mu.Unlock()
	}
}

// keep stocks the pool until quit is closed.
func (p *pool) keep(quit <-chan struct{}) {
	for {
		select {
		case <-p.short:
			p.stock()
		case <-quit:
			return
		}
	}
}

// samplesTime is how long n samples last, timeSamples how many samples d lasts.
func samplesTime(n int64) time.Duration { return time.Duration(n) * (time.Second / call.ClockRate) }

func timeSamples(d time.Duration) int64 { return int64(d / (time.Second / call.ClockRate)) }
