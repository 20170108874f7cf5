package vault

import (
	"crypto/rand"
	"fmt"
)

// saltSize is the size of the random salt in front of a blob.
const saltSize = 32

// SealBlob encrypts something small that belongs to a recording, such as its peaks, under the
// recording's key. Use says what it is; it is not "sound". Each blob has a sub-key of its own, made
// of its use and a random salt, so a blob may be sealed anew as often as one likes.
func (k Key) SealBlob(use string, plain []byte) ([]byte, error) {
	salt := make([]byte, saltSize, saltSize+len(plain)+tagSize)
	rand.Read(salt) // never fails
	aead, err := k.aead(salt, "blob "+use)
	if err != nil {
		return nil, fmt.Errorf("seal %s: %w", use, err)
	}
	return aead.Seal(salt, make([]byte, nonceSize), plain, nil), nil
}

// OpenBlob gives what SealBlob was given for the same use. It fails for anything that was changed,
// that is of another recording, or that was sealed for another use.
func (k Key) OpenBlob(use string, sealed []byte) ([]byte, error) {
	if len(sealed) < saltSize+tagSize {
		return nil, fmt.Errorf("open %s: %d bytes are too few; at least %d are needed", use, len(sealed), saltSize+tagSize)
	}
	aead, err := k.aead(sealed[:saltSize], "blob "+use)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", use, err)
	}
	plain, err := aead.Open(nil, make([]byte, nonceSize), sealed[saltSize:], nil)
	if err != nil {
		return nil, fmt.Errorf("open %s: it was changed, or sealed under another recording's key or for another use", use)
	}
	return plain, nil
}
