package store

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// What a password costs, to us and to whoever steals the table: OWASP's second choice for
// argon2id, 19 MiB and two passes, about a third of a second on a busy machine.
const (
	argonPasses = 2
	argonKiB    = 19 * 1024
	argonLanes  = 1
	argonKey    = 32
	argonSalt   = 16

	// argonAtOnce bounds memory and CPU: a flood of log-ins must not reach the calls.
	argonAtOnce = 2

	// maxPassword keeps somebody from handing us a film to hash. In bytes.
	maxPassword = 1024
)

// hashPassword returns the password's hash in the usual form, $argon2id$v=19$m=…$salt$hash.
func (s *Store) hashPassword(ctx context.Context, password string) (string, error) {
	if password == "" || len(password) > maxPassword {
		return "", fmt.Errorf("a password has 1 to %d bytes", maxPassword)
	}
	salt := make([]byte, argonSalt)
	rand.Read(salt)
	key, err := s.argonKey(ctx, password, argonCost{argonPasses, argonKiB, argonLanes, argonKey}, salt)
	if err != nil {
		return "", err
	}
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonKiB, argonPasses, argonLanes,
		b64.EncodeToString(salt), b64.EncodeToString(key)), nil
}

// passwordMatches reports whether password made hash.
func (s *Store) passwordMatches(ctx context.Context, hash, password string) (bool, error) {
	cost, salt, want, err := parseHash(hash)
	if err != nil || len(password) > maxPassword {
		return false, err
	}
	got, err := s.argonKey(ctx, password, cost, salt)
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

type argonCost struct {
	passes, kib uint32
	lanes       uint8
	key         uint32
}

func (s *Store) argonKey(ctx context.Context, password string, c argonCost, salt []byte) ([]byte, error) {
	select {
	case s.argon <- struct{}{}:
		defer func() { <-s.argon }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, c.passes, c.kib, c.lanes, c.key), nil
}

// parseHash reads hashPassword's form. Costs are read from it, so that they can grow in a
// later release while older hashes stay good.
func parseHash(hash string) (c argonCost, salt, key []byte, err error) {
	bad := errors.New("stored password is not an argon2id hash")
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, bad
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.kib, &c.passes, &c.lanes); err != nil {
		return c, nil, nil, bad
	}
	if c.passes < 1 || c.passes > 100 || c.kib > 1<<20 || c.lanes < 1 {
		return c, nil, nil, bad
	}
	b64 := base64.RawStdEncoding
	salt, errSalt := b64.DecodeString(parts[4])
	key, errKey := b64.DecodeString(parts[5])
	if errSalt != nil || errKey != nil || len(key) < 16 {
		return c, nil, nil, bad
	}
	c.key = uint32(len(key))
	return c, salt, key, nil
}
