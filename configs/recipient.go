package configs

import (
	"fmt"
	"strings"
)

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
