package vault

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"

	"hotline/recording/durable"
)

// ParseRecipient reads a recipient as recording.encrypt lists it: "age1…", the X25519 kind. Others
// (post-quantum, SSH, passphrases) cannot be mixed with the epochs in one file.
func ParseRecipient(s string) (age.Recipient, error) {
	r, err := age.ParseX25519Recipient(s)
	switch {
	case err == nil:
		return r, nil
	case strings.HasPrefix(strings.ToUpper(s), "AGE-SECRET-KEY-"):
		return nil, errors.New("this is a secret identity; a recipient begins with age1 (hotline recording keygen prints it)")
	case strings.HasPrefix(s, "age1pq1"):
		return nil, errors.New("a post-quantum recipient cannot be mixed with the server's keys; make an X25519 one (hotline recording keygen FILE)")
	}
	return nil, fmt.Errorf("%q is not an age recipient; one looks like age1 followed by 58 letters and digits (hotline recording keygen prints it): %w", s, err)
}

// NewIdentity makes an age identity in a new file, readable by its owner only, and returns its
// recipient. A file that is there is left alone and an error.
func NewIdentity(file string) (recipient string, err error) {
	root, err := os.OpenRoot(filepath.Dir(file))
	if err != nil {
		return "", fmt.Errorf("new identity: %w", err)
	}
	defer root.Close() // only a folder
	id, err := age.GenerateX25519Identity()
	if err == nil {
		err = writeNew(root, filepath.Base(file), identityText(id, time.Now()))
	}
	if err == nil {
		err = durable.SyncFolder(root, ".")
	}
	if err != nil {
		return "", fmt.Errorf("new identity: %w", err)
	}
	return id.Recipient().String(), nil
}

// identityText is an identity as age-keygen writes it.
func identityText(id *age.X25519Identity, at time.Time) []byte {
	return fmt.Appendf(nil, "# created: %s\n# public key: %s\n%s\n", at.UTC().Format(time.RFC3339), id.Recipient(), id)
}

// ReadIdentities reads the identities of a file as age-keygen or NewIdentity writes it.
func ReadIdentities(r io.Reader) ([]age.Identity, error) {
	ids, err := age.ParseIdentities(io.LimitReader(r, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("the file holds no age identity (AGE-SECRET-KEY-1…): %w", err)
	}
	return ids, nil
}
