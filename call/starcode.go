package call

import "time"

// KeyPause is how long after one key of a code the next one may come.
const KeyPause = 3 * time.Second

// A Code finds keys that are pressed one after another, such as *49, among all that are pressed. Its zero
// value finds nothing.
type Code struct {
	Keys string // 0-9, *, #, A-D

	n  int       // of them that have been pressed
	at time.Time // when the last one was
}

// Press takes the next key. part says that it is one of the code so far, whole that it is the last.
func (c *Code) Press(digit byte, at time.Time) (part, whole bool) {
	if c.Keys == "" {
		return false, false
	}
	if c.n > 0 && (at.Sub(c.at) > KeyPause || digit != c.Keys[c.n]) {
		c.n = 0
	}
	if digit != c.Keys[c.n] {
		return false, false
	}
	c.at = at
	if c.n++; c.n == len(c.Keys) {
		c.n = 0
		return true, true
	}
	return true, false
}
