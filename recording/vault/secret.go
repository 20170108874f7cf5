package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"filippo.io/age"

	"hotline/call"
)

// A Secret is what a CALL.key holds once it is opened.
type Secret struct {
	Version  int      `json:"version"`
	Call     call.ID  `json:"call"`
	Key      Key      `json:"key"`
	Epoch    string   `json:"epoch"`    // the epoch it is sealed for
	Recovery []string `json:"recovery"` // the recipients it is sealed for beside, sorted
}

// maxSealed is the most a CALL.key holds: a few hundred recovery recipients.
const maxSealed = 64 << 10

// Unwrap opens the content of a CALL.key with identities, such as the recovery identity that
// ReadIdentities read from its file.
func Unwrap(sealed []byte, ids ...age.Identity) (s Secret, err error) {
	if len(sealed) > maxSealed {
		return s, fmt.Errorf("open the key of a recording: it has %d bytes; at most %d may be", len(sealed), maxSealed)
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), ids...)
	var none *age.NoIdentityMatchError
	switch {
	case errors.As(err, &none):
		return s, errors.New("open the key of a recording: it is sealed for none of the identities at hand; " +
			"the epoch's file or the recovery identity is needed")
	case err != nil:
		return s, fmt.Errorf("open the key of a recording: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, maxSealed))
	if err == nil {
		err = json.Unmarshal(plain, &s)
	}
	if err != nil {
		return Secret{}, fmt.Errorf("open the key of a recording: %w", err)
	}
	if s.Version != version {
		return Secret{}, fmt.Errorf("open the key of a recording: version %d is not known here; %d is", s.Version, version)
	}
	return s, nil
}

// idOf is the call a key belongs to, by its name.
func idOf(name string) call.ID { return call.ID(strings.TrimSuffix(path.Base(name), KeyExt)) }
