package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// keySize is that of AES-256.
const keySize = 32

// A sealer encrypts small secrets with AES-256-GCM. The key lies beside the database, not in
// it: a stolen backup of hotline.db opens no telephone.
type sealer struct {
	path string

	mu   sync.Mutex
	aead cipher.AEAD // nil until there is a key
}

// openSealer reads dir/seal.key where it exists. It is made by the first seal.
func openSealer(dir string) (*sealer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder for keys: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return nil, fmt.Errorf("close the folder for keys: %w", err)
	}
	s := &sealer{path: filepath.Join(dir, "seal.key")}
	key, err := os.ReadFile(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("keys/seal.key has %d bytes, not %d", len(key), keySize)
	}
	st, err := os.Stat(s.path)
	if err != nil {
		return nil, fmt.Errorf("read the key: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("keys/seal.key can be read by others (mode %04o), want 0600", st.Mode().Perm())
	}
	return s, s.use(key)
}

func (s *sealer) use(key []byte) error {
	block, err := aes.NewCipher(key)
	if err != nil {
		return err
	}
	s.aead, err = cipher.NewGCM(block)
	return err
}

// ready reports whether there is a key.
func (s *sealer) ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.aead != nil
}

// seal encrypts secret for one place, named by label: it opens nowhere else, so that rows
// cannot be exchanged for one another.
func (s *sealer) seal(secret []byte, label string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aead == nil {
		if err := s.makeKey(); err != nil {
			return nil, fmt.Errorf("make keys/seal.key: %w", err)
		}
	}
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(secret)+s.aead.Overhead())
	rand.Read(nonce) // never fails
	return s.aead.Seal(nonce, nonce, secret, []byte(label)), nil
}

// open decrypts what seal made for the same label with the same key.
func (s *sealer) open(sealed []byte, label string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.aead == nil {
		return nil, errors.New("there is no keys/seal.key")
	}
	n := s.aead.NonceSize()
	if len(sealed) < n {
		return nil, errors.New("sealed secret is too short")
	}
	return s.aead.Open(nil, sealed[:n], sealed[n:], []byte(label))
}

// makeKey writes a new key: whole and on the disk before anything is sealed with it, and never
// over one that is there.
func (s *sealer) makeKey() (err error) {
	key := make([]byte, keySize)
	rand.Read(key)
	f, err := os.OpenFile(s.path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(key)
	if err = errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(s.path))); err != nil {
		return errors.Join(err, os.Remove(s.path))
	}
	return s.use(key)
}
