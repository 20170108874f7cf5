package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// KeySize is the size of a recording's key in bytes.
const KeySize = 32

// A Key is the key of one recording. Nothing is encrypted under it directly: what it is used for
// names a sub-key, so that the nonces of one use cannot meet those of another.
type Key [KeySize]byte

// newKey makes a random key.
func newKey() (k Key) {
	rand.Read(k[:]) // never fails
	return k
}

// String keeps the key out of logs.
func (k Key) String() string { return "key " + k.ID() }

// GoString keeps the key out of what %#v prints.
func (k Key) GoString() string { return k.String() }

// MarshalText is the key in hexadecimal.
func (k Key) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText reads what MarshalText gave.
func (k *Key) UnmarshalText(b []byte) error {
	if hex.DecodedLen(len(b)) != KeySize {
		return fmt.Errorf("a key has %d hexadecimal digits, not %d", 2*KeySize, len(b))
	}
	_, err := hex.Decode(k[:], b)
	return err
}

// ID tells a key from others without giving anything of it away: 16 hexadecimal digits.
func (k Key) ID() string {
	sub := k.sub(nil, "id")
	sum := sha256.Sum256(sub)
	return hex.EncodeToString(sum[:8])
}

// sub is the sub-key for a use.
func (k Key) sub(salt []byte, use string) []byte {
	b, err := hkdf.Key(sha256.New, k[:], salt, "hotline recording 1 "+use, KeySize)
	if err != nil {
		panic(err) // only for a length that HKDF cannot give
	}
	return b
}

// aead is the cipher for a use.
func (k Key) aead(salt []byte, use string) (cipher.AEAD, error) {
	block, err := aes.NewCipher(k.sub(salt, use))
	if err != nil {
		return nil, fmt.Errorf("cipher: %w", err)
	}
	return cipher.NewGCM(block)
}
