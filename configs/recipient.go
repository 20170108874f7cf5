package configs

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// encryption checks for whom recordings are encrypted.
func (c *checker) encryption() {
	const want = "write what `hotline recording keygen FILE` prints: age1 and 58 letters and digits"
	r := c.file.Recording
	for i, s := range r.Encrypt {
		key := fmt.Sprintf("recording.encrypt[%d]", i)
		switch problem := recipientProblem(s); {
		case problem != "":
			c.say(key, want, "%s", problem)
		case slices.Contains(r.Encrypt[:i], s):
			c.say(key, "write each once", "%s stands here twice", quote(s))
		}
	}
	if r.Keys == "" || !filepath.IsAbs(r.Keys) && !filepath.IsLocal(r.Keys) {
		c.say("recording.keys", "write a folder below data, such as keys/recording, or an absolute path", "%s is no folder below data", quote(r.Keys))
	}
}

// recipientProblem is what is wrong with an age recipient of the X25519 kind (age-encryption.org/v1), which is a
// public key of 32 bytes in Bech32 (BIP 173) with the prefix age; empty: nothing.
func recipientProblem(s string) string {
	const digits = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	switch {
	case strings.HasPrefix(strings.ToUpper(s), "AGE-SECRET-KEY-"):
		return "this is the secret half, which must not be on this machine" // and is not told again
	case strings.HasPrefix(s, "age1pq1"):
		return "post-quantum recipients are not taken: they cannot be mixed with the server's own keys"
	case !strings.HasPrefix(s, "age1") || len(s) != 62:
		return fmt.Sprintf("%s is not an age recipient", quote(s))
	}
	sum := 1
	step := func(v int) {
		top := sum >> 25
		sum = sum&0x1ffffff<<5 ^ v
		for i, g := range [...]int{0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3} {
			if top>>i&1 == 1 {
				sum ^= g
			}
		}
	}
	for _, c := range "age" {
		step(int(c) >> 5)
	}
	step(0)
	for _, c := range "age" {
		step(int(c) & 31)
	}
	for _, c := range s[len("age1"):] {
		v := strings.IndexRune(digits, c)
		if v < 0 {
			return fmt.Sprintf("%s has %q, which no age recipient has", quote(s), c)
		}
		step(v)
	}
	if sum != 1 {
		return fmt.Sprintf("%s has a letter that is wrong: its checksum does not fit", quote(s))
	}
	return ""
}
