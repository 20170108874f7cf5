package purge

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"hotline/recording/durable"
	"hotline/recording/vault"
)

// Files of the tombstone are as readable as the manifests beside them.
const fileMode = 0o640

// entomb leaves the link beside the manifest: from here on the recording counts as erased.
func entomb(root *os.Root, s shelf, link []byte) error {
	return durable.Replace(root, s.stem()+goneExt, link, fileMode)
}

// erase takes away what is left of a recording: the key first, for without it an encrypted sound is noise on
// whatever else it may still lie, then all the rest. Of a message the slip goes too: it has the caller's number.
// step is called between, by name. What is gone already is no error.
func (s shelf) erase(root *os.Root, step func(string)) error {
	var errs []error
	for _, name := range s.files {
		if strings.HasSuffix(name, keyExt) {
			overwritten := func() { step("key overwritten") }
			if err := vault.EraseBy(root, path.Join(s.dir, name), overwritten); err != nil {
				return fmt.Errorf("the key of %s: %w", s.id, err) // then the sound would be all that tells where it is
			}
		}
	}
	step("keys")
	take := func(name string) {
		if err := root.Remove(path.Join(s.dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		step("file")
	}
	for _, name := range s.files {
		take(name)
	}
	if s.kind == KindMessage && len(errs) == 0 { // last: it says of which call it is
		take(string(s.id) + manifestExt)
	}
	return errors.Join(append(errs, durable.SyncFolder(root, s.dir))...)
}
