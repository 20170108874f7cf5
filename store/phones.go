package store

import (
	"context"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// The digest algorithms whose HA1 is kept (RFC 8760 §2.1).
const (
	algMD5    = "MD5"
	algSHA256 = "SHA-256"
)

// MakePhone gives a user a new SIP secret for a realm and returns it. It has 160 random bits
// and is shown this once: what is kept are its sealed HA1 values. The old secret ends.
func (s *Store) MakePhone(ctx context.Context, name, realm string) (secret string, err error) {
	raw := make([]byte, 20)
	rand.Read(raw)
	secret = strings.ToLower(base32.StdEncoding.EncodeToString(raw))
	return secret, s.SetSIPSecret(ctx, name, realm, secret)
}

// SetSIPSecret gives a user the SIP secret that a phone already has, as an import does. The
// error is ErrUnknown where there is no such user.
func (s *Store) SetSIPSecret(ctx context.Context, name, realm, secret string) error {
	if realm == "" || secret == "" || len(secret) > maxPassword {
		return fmt.Errorf("phone of %s: a secret has 1 to %d bytes, and a realm", name, maxPassword)
	}
	a1 := []byte(name + ":" + realm + ":" + secret)
	m, h := md5.Sum(a1), sha256.Sum256(a1)
	err := s.changeUsers(ctx, func(tx *sql.Tx) error {
		var known int
		err := tx.QueryRowContext(ctx, `SELECT 1 FROM users WHERE name = ?`, name).Scan(&known)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrUnknown
		}
		if err != nil {
			return err
		}
		for alg, ha1 := range map[string][]byte{algMD5: m[:], algSHA256: h[:]} {
			sealed, err := s.seal.seal(ha1, sealLabel(name, realm, alg))
			if err != nil {
				return err
			}
			_, err = tx.ExecContext(ctx, `INSERT INTO sip_secrets (user, realm, algorithm, sealed) VALUES (?, ?, ?, ?)
				ON CONFLICT (user, realm, algorithm) DO UPDATE SET sealed = excluded.sealed`, name, realm, alg, sealed)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("phone of %s: %w", name, err)
	}
	return nil
}

// sealLabel binds a sealed HA1 to its row.
func sealLabel(user, realm, algorithm string) string {
	return "ha1\x00" + user + "\x00" + realm + "\x00" + algorithm
}

// checkSealed refuses a folder whose secrets nobody could open any more: a restored database
// without its keys, say. Making a new key would lock every phone out and say nothing.
func (s *Store) checkSealed(ctx context.Context) error {
	if s.seal.ready() {
		return nil
	}
	var n int
	if err := s.writer.QueryRowContext(ctx, `SELECT count(*) FROM sip_secrets`).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return errors.New("keys/seal.key is missing, and hotline.db has SIP secrets sealed with it: restore it from the backup")
	}
	return nil
}

// HA1 returns the hash of user, realm and secret for "MD5" or "SHA-256" (RFC 7616 §3.4.2), in
// lower-case hex. It is false for a user who is not known, is disabled or has no phone in this
// realm, and where the database cannot say. What it has once said it goes on saying while the
// database is away; changes made by another process are seen within a second.
func (s *Store) HA1(user, realm, algorithm string) (string, bool) {
	k := ha1Key{user, realm, algorithm}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	v, ok := s.ha1s.get(k, func() (int64, error) {
		var revision int64
		err := s.reader.QueryRowContext(ctx, `SELECT value FROM marks WHERE name = 'users'`).Scan(&revision)
		return revision, err
	})
	if ok {
		return v.ha1, v.known
	}
	generation := s.ha1s.now()
	ha1, known, err := s.readHA1(ctx, k)
	if err != nil {
		s.log.Error("a SIP secret cannot be read", zap.Error(err))
		return "", false
	}
	s.ha1s.put(k, ha1Value{ha1, known}, generation)
	return ha1, known
}

func (s *Store) readHA1(ctx context.Context, k ha1Key) (ha1 string, known bool, err error) {
	var sealed []byte
	err = s.reader.QueryRowContext(ctx, `SELECT sealed FROM sip_secrets JOIN users ON users.name = sip_secrets.user
		WHERE user = ? AND realm = ? AND algorithm = ? AND NOT disabled`, k.user, k.realm, k.algorithm).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	raw, err := s.seal.open(sealed, sealLabel(k.user, k.realm, k.algorithm))
	if err != nil {
		return "", false, fmt.Errorf("open the seal: %w", err)
	}
	return hex.EncodeToString(raw), true, nil
}

// An ha1Cache remembers what HA1 has said, so that a registration storm, or one of guesses,
// costs the database one question a second.
type ha1Cache struct {
	mu         sync.Mutex
	values     map[ha1Key]ha1Value
	revision   int64     // of the users, when values were read
	checked    time.Time // when revision was last compared
	generation uint64    // grows when values are forgotten
}

type ha1Key struct{ user, realm, algorithm string }

type ha1Value struct {
	ha1   string
	known bool
}

const (
	// ha1Check is how long the cache is believed without asking whether users have changed.
	ha1Check = time.Second

	// maxHA1s bounds the cache: names that are not known are remembered too, and guesses are endless.
	maxHA1s = 10_000
)

func newHA1Cache() *ha1Cache { return &ha1Cache{values: map[ha1Key]ha1Value{}} }

// get returns what is remembered of k. revision is asked at most once a second; where it
// fails, what is remembered still counts.
func (c *ha1Cache) get(k ha1Key, revision func() (int64, error)) (ha1Value, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) >= ha1Check {
		c.checked = time.Now()
		if r, err := revision(); err == nil && r != c.revision {
			c.revision = r
			c.clear()
		}
	}
	v, ok := c.values[k]
	return v, ok
}

// now is the generation that a reading belongs to.
func (c *ha1Cache) now() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.generation
}

// put remembers v, unless the users have changed since it was read.
func (c *ha1Cache) put(k ha1Key, v ha1Value, generation uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if generation != c.generation {
		return
	}
	if len(c.values) >= maxHA1s {
		clear(c.values)
	}
	c.values[k] = v
}

// forget is for changes made by this process: they count at once.
func (c *ha1Cache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clear()
}

func (c *ha1Cache) clear() {
	clear(c.values)
	c.generation++
}
