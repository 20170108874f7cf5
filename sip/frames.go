package sip

import "bytes"

// frames finds the messages in a stream (RFC 3261 §18.3). It keeps nothing itself: whoever reads gives
// it what was left over with what has come since.
type frames struct {
	pong func() bool // answers a keep-alive; false ends the stream
	asks bool        // we send the keep-alives here; what looks like one is an answer
	// take is given each message; raw is nil where nobody knows where the next one begins. False ends
	// the stream.
	take func(d *draft, err error, raw []byte) bool
}

// consume gives every whole message in b to take and returns what is left. False ends the stream.
func (f frames) consume(b []byte) ([]byte, bool) {
	for {
		for len(b) >= 4 && string(b[:4]) == "\r\n\r\n" {
			if !f.pong() {
				return nil, false
			}
			b = b[4:]
		}
		trimmed := bytes.TrimLeft(b, "\r\n")
		if len(trimmed) == 0 {
			if f.asks {
				return nil, true // an answer to our question; two of them are no question
			}
			if len(b) > 3 {
				b = b[len(b)-3:]
			}
			return b[:len(b):len(b)], true
		}
		end := headEnd(trimmed)
		if end < 0 {
			return b, len(b) <= maxStream
		}
		used, ok := f.message(trimmed, end)
		if !ok {
			return nil, false
		}
		if used == 0 {
			return b, len(b) <= maxStream
		}
		b = trimmed[used:]
	}
}

// message takes the message at the head of b, whose headers end at end. It returns the bytes
// used, 0 if the body is not all here yet, and false if the stream cannot be followed further.
func (f frames) message(b []byte, end int) (used int, ok bool) {
	d, err := scanHead(b[:end])
	if d == nil {
		return 0, false
	}
	length, lengthErr := d.contentLength()
	if lengthErr != nil || length < 0 || end+length > maxStream {
		if lengthErr == nil {
			lengthErr = bad("a stream needs a Content-Length of at most %d", maxStream)
		}
		f.take(d, lengthErr, nil)
		return 0, false
	}
	if len(b) < end+length {
		return 0, true
	}
	d.body = bytes.Clone(b[end : end+length])
	if err == nil && len(d.body) > maxSDP {
		err = &scanError{code: 413, why: "too large"}
	}
	return end + length, f.take(d, err, b[:end+length])
}
