package chain

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"hotline/recording/durable"
)

// keyFile is the private key's name in the folder of keys.
const keyFile = "evidence.pem"

// A Key is what a node signs with.
type Key struct {
	private ed25519.PrivateKey
	id      string
}

// HasKey reports whether there is a key in dir: LoadKey would make none.
func HasKey(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, keyFile))
	return err == nil
}

// LoadKey reads dir/evidence.pem (PKCS #8 in PEM), and makes it where it is missing. A key that others than
// the owner may read is refused.
func LoadKey(dir string) (*Key, error) {
	path := filepath.Join(dir, keyFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(dir, path)
	}
	if err != nil {
		return nil, fmt.Errorf("the key of the recordings' chain: %w", err)
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("the key of the recordings' chain: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("keys/%s can be read by others (mode %04o), want 0600", keyFile, st.Mode().Perm())
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("keys/%s is not a key in PEM", keyFile)
	}
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("keys/%s: %w", keyFile, err)
	}
	key, ok := private.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("keys/%s is a %T, want an Ed25519 key", keyFile, private)
	}
	return newKey(key), nil
}

// makeKey makes a key that is on the disk before anything is signed with it.
func makeKey(dir, path string) (*Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key of the recordings' chain: %w", err)
	}
	b, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("make the key of the recordings' chain: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the key of the recordings' chain: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("make the key of the recordings' chain: %w", err)
	}
	defer root.Close() // nothing is written through it any more
	if err := durable.Replace(root, keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b}), 0o600); err != nil {
		return nil, fmt.Errorf("make the key of the recordings' chain: %w", err)
	}
	return newKey(private), nil
}

func newKey(private ed25519.PrivateKey) *Key {
	return &Key{private: private, id: KeyID(private.Public().(ed25519.PublicKey))}
}

// KeyID is how links name a public key: the first 16 hex digits of its SHA-256.
func KeyID(public ed25519.PublicKey) string {
	sum := sha256.Sum256(public)
	return hex.EncodeToString(sum[:8])
}

// ID is KeyID of the public key.
func (k *Key) ID() string { return k.id }

// Public is the key that everybody may have.
func (k *Key) Public() ed25519.PublicKey { return k.private.Public().(ed25519.PublicKey) }

// Sign gives the Ed25519 signature of body in base64.
func (k *Key) Sign(body []byte) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, body))
}

// PublicPEM is the public key as openssl reads it.
func (k *Key) PublicPEM() []byte { return publicPEM(k.Public()) }

func publicPEM(public ed25519.PublicKey) []byte {
	b, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err) // an Ed25519 key can always be written
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: b})
}

// ParsePublic reads what PublicPEM wrote.
func ParsePublic(b []byte) (ed25519.PublicKey, error) {
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, errors.New("this is not a public key in PEM; hotline recording key prints the right one")
	}
	public, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("public key: %w", err)
	}
	key, ok := public.(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("public key: it is a %T, want an Ed25519 key", public)
	}
	return key, nil
}
