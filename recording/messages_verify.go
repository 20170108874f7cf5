package recording

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strings"

	"hotline/call"
)

// VerifyMessages reads every message below dir, the folder of messages, and compares its sound
// with its slip. It changes nothing and returns every fault, not only the first; in Fault.Call
// stands the message's ID. A message that is being kept is no fault. Encrypted ones are opened where unwrap is not
// nil. progress may be nil.
func VerifyMessages(dir string, unwrap Unwrap, progress func(done, total int)) ([]Fault, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("verify messages: %w", err)
	}
	defer root.Close()
	shelves, _, err := walk(root)
	if err != nil {
		return nil, fmt.Errorf("verify messages: %w", err)
	}
	fresh, err := fs.ReadDir(root.FS(), newFolder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("verify messages: %w", err)
	}
	var faults []Fault
	seen := map[call.ID]bool{}
	total := len(shelves) + len(fresh)
	for i, sh := range shelves {
		seen[sh.call] = true
		p := path.Join(messageFolder, sh.file())
		if problem := examineMessage(root, sh, p, unwrap); problem != "" {
			faults = append(faults, Fault{Call: sh.call, Path: p, Problem: problem})
		}
		if progress != nil {
			progress(i+1, total)
		}
	}
	for i, e := range fresh {
		id, ok := idOf(e.Name())
		if ok && path.Ext(e.Name()) == manifestExt && !seen[id] {
			faults = append(faults, Fault{Call: id, Path: path.Join(messageFolder, newFolder, e.Name()), Problem: "the sound of this message is missing"})
		}
		if progress != nil {
			progress(len(shelves)+i+1, total)
		}
	}
	return faults, nil
}

// examineMessage says what is wrong with one message, or "".
func examineMessage(root *os.Root, sh shelf, told string, unwrap Unwrap) string {
	id, stem := sh.call, sh.stem
	var b []byte
	err := error(fs.ErrNotExist)
	for _, name := range []string{stem + manifestExt, slipPath(id), slipPath(id) + tempExt, slipPath(id) + goneExt, stem + manifestExt} {
		if b, err = root.ReadFile(name); err == nil { // the first again: it may have moved there meanwhile
			if path.Ext(name) != manifestExt {
				return "" // being kept or taken back, or the next start's to mend
			}
			break
		}
	}
	if err != nil {
		if _, gone := root.Stat(stem + goneExt); gone == nil {
			return "" // erased: its tombstone has no number, so the slip went too
		}
		return "nothing says whose sound this is: " + err.Error()
	}
	n, err := unpackSlip(b, string(id))
	switch {
	case err != nil:
		return err.Error()
	case n.Path != told:
		return "the slip names the sound at " + n.Path
	}
	f, err := root.Open(sh.file())
	if err != nil {
		return "the sound cannot be read: " + err.Error()
	}
	defer f.Close() // only read
	sum, err := hash(f)
	switch {
	case err != nil:
		return "the sound cannot be read: " + err.Error()
	case sum != n.SHA256:
		return "the sound was changed: its SHA-256 is not the slip's"
	case !keyed(root, n):
		return "the key is missing: nobody can open the sound; look for " + path.Base(stem) + keyExt + " in a backup"
	}
	if sh.box && unwrap != nil {
		return strings.Join(openedBox(root, sh, unwrap), "; ")
	}
	return ""
}
