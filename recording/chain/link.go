package chain

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// A Link is what makes a line of JSON part of a chain. A struct embeds it as its last field.
type Link struct {
	Seq       int64  `json:"seq,omitempty"`       // 1 for the first
	Previous  string `json:"previous,omitempty"`  // the digest of the link before; empty in the first
	Key       string `json:"key,omitempty"`       // KeyID of whose signature it is
	Digest    string `json:"digest,omitempty"`    // SHA-256 in hex of the line without digest and signature
	Signature string `json:"signature,omitempty"` // Ed25519 of the same bytes, in base64
}

// Seal signs v, in which l is embedded, and gives it as a line of JSON. Of l, Seq and Previous must be set.
func (k *Key) Seal(v any, l *Link) ([]byte, error) {
	l.Key, l.Digest, l.Signature = k.id, "", ""
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	l.Digest, l.Signature = digest(body), k.Sign(body)
	line, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	if again, _, err := split(line); err != nil || !bytes.Equal(again, body) {
		return nil, errors.New("link: it is not what its line ends with")
	}
	return append(line, '\n'), nil
}

// Sealed says that a line is one that Seal of this key has made.
func (k *Key) Sealed(line []byte) bool {
	_, err := newChecker([]ed25519.PublicKey{k.Public()}).open(line)
	return err == nil
}

func digest(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// The end of a line, in which digest and signature always are as long.
const (
	beforeDigest    = `,"digest":"`
	beforeSignature = `","signature":"`
	digestLen       = 2 * sha256.Size
	signatureLen    = 88 // base64 of 64 bytes
	endLen          = len(beforeDigest) + digestLen + len(beforeSignature) + signatureLen + len(`"}`)
)

var errAltered = errors.New("it was altered: its digest is not that of what it says")

var errForm = errors.New("it does not end with a digest and a signature")

// split takes a line apart into what is signed and its link. It compares nothing.
func split(line []byte) (body []byte, l Link, err error) {
	line = bytes.TrimSuffix(line, []byte("\n"))
	if len(line) < endLen {
		return nil, l, errForm
	}
	start := len(line) - endLen
	end := line[start:]
	if !bytes.HasPrefix(end, []byte(beforeDigest)) || !bytes.HasPrefix(end[len(beforeDigest)+digestLen:], []byte(beforeSignature)) ||
		!bytes.HasSuffix(end, []byte(`"}`)) {
		return nil, l, errForm
	}
	if err := json.Unmarshal(line, &l); err != nil {
		return nil, l, errForm
	}
	return append(line[:start:start], '}'), l, nil
}

// Whole says that a line has the digest that it names, and so is as it was written; who signed it is not looked at.
func Whole(line []byte) error {
	body, l, err := split(line)
	if err == nil && l.Digest != digest(body) {
		err = errAltered
	}
	return err
}

// A checker knows public keys.
type checker struct {
	keys   map[string]ed25519.PublicKey
	verify func(public ed25519.PublicKey, body, signature []byte) bool
}

func newChecker(keys []ed25519.PublicKey) checker {
	c := checker{keys: make(map[string]ed25519.PublicKey, len(keys)), verify: ed25519.Verify}
	for _, k := range keys {
		c.keys[KeyID(k)] = k
	}
	return c
}

// open checks a line by itself: its digest and its signature.
func (c checker) open(line []byte) (Link, error) {
	body, l, err := split(line)
	if err != nil {
		return l, err
	}
	public, known := c.keys[l.Key]
	signature, err := base64.StdEncoding.Strict().DecodeString(l.Signature)
	switch {
	case l.Digest != digest(body):
		return l, errAltered
	case !known:
		return l, fmt.Errorf("it is signed by key %q, which is not among those given", l.Key)
	case err != nil || !c.verify(public, body, signature):
		return l, errors.New("its signature is not the node's")
	}
	return l, nil
}
