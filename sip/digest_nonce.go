package sip

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"sync"
	"time"
)

const (
	// nonceLife is how long a nonce may be used, by a rising nc also more than once. It is
	// longer than a REGISTER and the INVITEs of the same minutes need, and short for a thief.
	nonceLife = 5 * time.Minute

	// maxNonces bounds what is remembered of nonces that were answered rightly: room for
	// 13 registrations a second, more than the phones of any one machine make.
	maxNonces = 4096

	// Short, because a challenge may be little longer than the REGISTER that it answers.
	nonceTime = 6             // bytes of milliseconds
	nonceHead = nonceTime + 6 // and of chance
	nonceMAC  = 12
)

// nonceText is how a nonce is written.
var nonceText = base64.RawURLEncoding.Strict()

// A nonce is one that we made, with when.
type nonce struct {
	id   [nonceHead]byte
	made time.Time
}

// makeNonce makes a nonce that only somebody at addr can use: time and chance, and an HMAC over
// them, addr and what it is for. The port is left out because NATs change it between a 401 and
// its answer. The chance keeps two phones behind one address from sharing a count.
func (d *digestServer) makeNonce(addr netip.Addr) string {
	var b [nonceHead]byte
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(d.now().UnixMilli()))
	copy(b[:], ms[8-nonceTime:])
	rand.Read(b[nonceTime:])
	return nonceText.EncodeToString(append(b[:], d.nonceProof(b[:], addr)...))
}

func (d *digestServer) nonceProof(head []byte, addr netip.Addr) []byte {
	m := hmac.New(sha256.New, d.secret[:])
	m.Write([]byte("nonce for sip digest\x00"))
	m.Write(head)
	a := addr.Unmap().As16()
	m.Write(a[:])
	return m.Sum(nil)[:nonceMAC]
}

// readNonce says whether s is a nonce that we made for addr and that may still be used.
func (d *digestServer) readNonce(s string, addr netip.Addr) (nonce, bool) {
	b, err := nonceText.DecodeString(s)
	if err != nil || len(b) != nonceHead+nonceMAC {
		return nonce{}, false
	}
	if !hmac.Equal(b[nonceHead:], d.nonceProof(b[:nonceHead], addr)) {
		return nonce{}, false
	}
	var n nonce
	copy(n.id[:], b)
	var ms [8]byte
	copy(ms[8-nonceTime:], b)
	n.made = time.UnixMilli(int64(binary.BigEndian.Uint64(ms[:])))
	age := d.now().Sub(n.made)
	// A clock that was set back makes old nonces look new: a second is let pass, no more.
	return n, age >= -time.Second && age < nonceLife
}

// A nonceTable remembers the highest count that was taken of each nonce, and forgets a nonce
// when it is too old to be used. When it is full it forgets the oldest, and from then on refuses
// all that are as old: what is forgotten can never be used again.
type nonceTable struct {
	mu    sync.Mutex
	limit int
	seen  map[[nonceHead]byte]seenNonce
	floor time.Time // nonces made at or before this are refused
}

type seenNonce struct {
	made  time.Time
	count uint32
	spent bool // used without a count: once is all
}

func newNonceTable(limit int) *nonceTable {
	return &nonceTable{limit: limit, seen: map[[nonceHead]byte]seenNonce{}}
}

// take uses n with count once and says whether it was there to be used: the count must be above
// all that were used before. Count 0, of a phone without qop, uses the nonce up.
func (t *nonceTable) take(n nonce, count uint32, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !n.made.After(t.floor) {
		return false
	}
	s, known := t.seen[n.id]
	if known && (s.spent || count <= s.count) {
		return false
	}
	if !known && len(t.seen) >= t.limit {
		t.makeRoom(now)
		if !n.made.After(t.floor) {
			return false
		}
	}
	t.seen[n.id] = seenNonce{made: n.made, count: count, spent: count == 0}
	return true
}

// makeRoom drops the nonces that are too old, or, if none is, the oldest and all made with it.
func (t *nonceTable) makeRoom(now time.Time) {
	var oldest time.Time
	for id, s := range t.seen {
		if now.Sub(s.made) >= nonceLife {
			delete(t.seen, id)
		} else if oldest.IsZero() || s.made.Before(oldest) {
			oldest = s.made
		}
	}
	if len(t.seen) < t.limit {
		return
	}
	t.floor = oldest
	for id, s := range t.seen {
		if !s.made.After(oldest) {
			delete(t.seen, id)
		}
	}
}
