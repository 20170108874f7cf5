package sip

import (
	"bytes"
	"hash/maphash"
	"sync/atomic"
)

// peekCallID finds the value of the Call-ID of a message that nobody has parsed, nil if there
// is none. It keeps and allocates nothing. What it finds decides only who is read first.
func peekCallID(b []byte) []byte {
	for {
		end := bytes.IndexByte(b, '\n')
		if end < 0 || end+1 >= len(b) {
			return nil
		}
		b = b[end+1:]
		switch {
		case b[0] == '\n' || b[0] == '\r' && len(b) > 1 && b[1] == '\n':
			return nil // the body begins
		case b[0]|0x20 == 'i':
			if v := headerValue(b, 1); v != nil {
				return v
			}
		case b[0]|0x20 == 'c' && len(b) > 7 && bytes.EqualFold(b[:7], callIDName):
			if v := headerValue(b, 7); v != nil {
				return v
			}
		}
	}
}

var callIDName = []byte("Call-ID")

// headerValue is the value of a header line whose name has n bytes, nil if its name goes on.
func headerValue(line []byte, n int) []byte {
	for n < len(line) && (line[n] == ' ' || line[n] == '\t') {
		n++
	}
	if n >= len(line) || line[n] != ':' {
		return nil
	}
	v := line[n+1:]
	if end := bytes.IndexByte(v, '\n'); end >= 0 {
		v = v[:end]
	}
	return bytes.TrimSpace(v)
}

// isInvite says that a message that nobody has parsed is an INVITE.
func isInvite(b []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(b, "\r\n"), inviteStart)
}

var inviteStart = []byte("INVITE ")

// callMarks tell, without a lock, whether a Call-ID is probably one of a call that is up: a
// counter for each of many classes of Call-IDs. Who falls into a class by chance is read a
// little earlier, nothing more; nobody outside can compute the class.
type callMarks struct {
	seed  maphash.Seed
	count [1 << 16]atomic.Int32
}

// class is where a Call-ID belongs.
func (c *callMarks) class(callID []byte) uint16 { return uint16(maphash.Bytes(c.seed, callID)) }

// add counts calls with that Call-ID.
func (c *callMarks) add(callID string, n int32) { c.count[c.class([]byte(callID))].Add(n) }

// have says whether a call with that Call-ID may be up.
func (c *callMarks) have(callID []byte) bool {
	return len(callID) > 0 && c.count[c.class(callID)].Load() > 0
}
