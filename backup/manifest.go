package backup

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"
)

// File is the name of what makes a folder a backup.
const File = "BACKUP.json"

// formVersion is the version of BACKUP.json's form.
const formVersion = 1

// A Manifest is BACKUP.json.
type Manifest struct {
	Form    int       `json:"form"`
	Run     string    `json:"run"`     // when it began, and its name
	Taken   time.Time `json:"taken"`   // the rows are those of this moment
	Ended   time.Time `json:"ended"`   // when all had been copied and read back
	Version string    `json:"version"` // of the program that made it
	Schema  int64     `json:"schema"`  // of hotline.db
	Keys    bool      `json:"keys"`    // whether data/keys is in it

	// Open are recordings that were not sealed, as paths without an ending relative to data.
	Open []string `json:"open,omitempty"`

	// Heads are the numbers of the last link of each chain, by the id of its key.
	Heads map[string]int64 `json:"heads,omitempty"`

	// Faults are what was wrong with recordings in the data folder already: they were copied as
	// they were.
	Faults []string `json:"faults,omitempty"`

	// User and group that own the data folder.
	UID int `json:"uid"`
	GID int `json:"gid"`

	Folders []Folder `json:"folders"`
	Files   []Entry  `json:"files"`

	Digest    string `json:"digest,omitempty"`    // SHA-256 of the line without it and what follows
	Key       string `json:"key,omitempty"`       // id of the key that signed it
	Signature string `json:"signature,omitempty"` // base64 Ed25519 of the same bytes
}

// A Folder is one folder below data.
type Folder struct {
	Path string      `json:"path"`
	Mode fs.FileMode `json:"mode"`
}

// An Entry is one file of a backup.
type Entry struct {
	Path     string      `json:"path"` // relative to the backup: data/…, config/…
	Size     int64       `json:"size"`
	SHA256   string      `json:"sha256"`
	Mode     fs.FileMode `json:"mode"`
	Modified time.Time   `json:"modified"`
}

// A Signer is the node's key; recording/chain has it.
type Signer interface {
	ID() string
	Sign(body []byte) string // base64
}

// ErrNone says that a folder is no backup.
var ErrNone = errors.New("there is no " + File)

// body is the line that is digested and signed.
func (m Manifest) body() ([]byte, error) {
	m.Digest, m.Key, m.Signature = "", "", ""
	return json.Marshal(m)
}

// pack is the manifest as it lies on disk. signer may be nil.
func (m Manifest) pack(signer Signer) ([]byte, error) {
	body, err := m.body()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body)
	m.Digest, m.Key, m.Signature = hex.EncodeToString(sum[:]), "", ""
	if signer != nil {
		m.Key, m.Signature = signer.ID(), signer.Sign(body)
	}
	b, err := json.Marshal(m)
	return append(b, '\n'), err
}

// Read reads BACKUP.json of a backup and takes it only as it was written, to the byte. Where keys are
// given, it must be signed by one of them. ErrNone says that there is none.
func Read(dir string, keys ...ed25519.PublicKey) (m Manifest, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return m, err
	}
	defer root.Close()
	return read(root, keys)
}

func read(root *os.Root, keys []ed25519.PublicKey) (m Manifest, err error) {
	b, err := root.ReadFile(File)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m, fmt.Errorf("%s: %w: no backup, or one that was interrupted; run `hotline backup %s` to its end", root.Name(), ErrNone, root.Name())
	case err != nil:
		return m, fmt.Errorf("%s: %w", File, err)
	}
	if m, err = unpack(b); err != nil {
		return m, fmt.Errorf("%s: %w", File, err)
	}
	if len(keys) > 0 && !m.signed(keys) {
		return m, fmt.Errorf("%s: it is not signed by any of the keys given", File)
	}
	return m, nil
}

func unpack(b []byte) (m Manifest, err error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var form struct{ Form int }
	if err := json.Unmarshal(b, &form); err != nil {
		return m, fmt.Errorf("it is damaged: %w", err)
	}
	if form.Form != formVersion {
		return m, fmt.Errorf("its form is %d, this release knows %d: use the release that made it, or a newer one", form.Form, formVersion)
	}
	if err := dec.Decode(&m); err != nil {
		return m, fmt.Errorf("it is damaged: %w", err)
	}
	body, err := m.body()
	if err != nil {
		return m, err
	}
	sum := sha256.Sum256(body)
	same, err := json.Marshal(m)
	if err != nil {
		return m, err
	}
	if m.Digest != hex.EncodeToString(sum[:]) || !bytes.Equal(append(same, '\n'), b) {
		return m, errors.New("it has been changed since it was written")
	}
	seen := make(map[string]bool, len(m.Files))
	for _, e := range m.Files {
		if top, _, _ := strings.Cut(e.Path, "/"); !fs.ValidPath(e.Path) || (top != dataFolder && top != configFolder) || seen[e.Path] {
			return m, fmt.Errorf("it names the file %q", e.Path)
		}
		seen[e.Path] = true
	}
	for _, f := range m.Folders {
		if !fs.ValidPath(f.Path) {
			return m, fmt.Errorf("it names the folder %q", f.Path)
		}
	}
	return m, nil
}

// signed reports whether one of the keys signed it.
func (m Manifest) signed(keys []ed25519.PublicKey) bool {
	body, err := m.body()
	if err != nil {
		return false
	}
	signature, err := base64.StdEncoding.DecodeString(m.Signature)
	if err != nil {
		return false
	}
	for _, k := range keys {
		if len(k) == ed25519.PublicKeySize && ed25519.Verify(k, body, signature) {
			return true
		}
	}
	return false
}

// byPath are the files of a manifest.
func (m Manifest) byPath() map[string]Entry {
	all := make(map[string]Entry, len(m.Files))
	for _, e := range m.Files {
		all[e.Path] = e
	}
	return all
}

// bytes are how many its files have together.
func (m Manifest) bytes() (n int64) {
	for _, e := range m.Files {
		n += e.Size
	}
	return n
}

// The folders of a backup.
const (
	dataFolder   = "data"
	configFolder = "config"
	nextFolder   = "next-" // and the run
)

// next is where a run puts what replaces files of the backup before.
func (m Manifest) next() string { return nextFolder + m.Run }

// inData is the path of a file in the data folder as it is in a backup.
func inData(p string) string { return path.Join(dataFolder, p) }
