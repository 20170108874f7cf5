package chain

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"time"
)

// A Head says how long a chain was, for a second place to keep: whoever takes the newest links away cannot take
// them from there.
type Head struct {
	Version int       `json:"version"`
	Kind    string    `json:"kind"` // KindHead
	Node    string    `json:"node"`
	At      time.Time `json:"at"`
	Links   int64     `json:"links"` // how many there are
	Last    string    `json:"last"`  // digest of the last
	Link              // of which only Key, Digest and Signature are set: a head is no link
}

// KindHead is the Kind of a Head.
const KindHead = "head"

// Head is where the chain is now, signed, and the line of JSON that says so.
func (c *Chain) Head(node string) (Head, []byte, error) {
	n, last := c.Links()
	h := Head{Version: 1, Kind: KindHead, Node: node, At: c.now().UTC().Truncate(time.Second), Links: n, Last: last}
	line, err := c.key.Seal(&h, &h.Link)
	return h, line, err
}

// ParseHead reads a head and checks its signature; without keys, only that it is whole.
func ParseHead(line []byte, keys ...ed25519.PublicKey) (h Head, err error) {
	err = Whole(line)
	if err == nil && len(keys) > 0 {
		_, err = newChecker(keys).open(line)
	}
	if err == nil {
		err = json.Unmarshal(line, &h)
	}
	if err == nil && h.Kind != KindHead {
		err = fmt.Errorf("it is of kind %q, want %q", h.Kind, KindHead)
	}
	if err != nil {
		return h, fmt.Errorf("head of a chain: %w", err)
	}
	return h, nil
}
