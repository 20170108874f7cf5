package recording

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"hotline/call"
	"hotline/recording/durable"
)

// folder is the name of Dir inside the data folder, in front of every path we tell.
const folder = "recordings"

// What stands beside each other in the folder of a day.
const (
	soundExt    = ".wav"
	manifestExt = ".json"
	draftExt    = ".draft"
	peaksExt    = ".peaks"
	tempExt     = durable.TempExt
)

// Folders and files are for the server's user and group: a backup may read them, nobody else.
const (
	folderMode = 0o750
	fileMode   = 0o640
)

// stem is the path of a call's files without an ending, relative to Dir. It is made of the id
// and the day alone, and only of an id that is one.
func stem(id call.ID, arrived time.Time, zone *time.Location) (string, error) {
	if !isID(string(id)) {
		return "", fmt.Errorf("%q is not the id of a call", string(id))
	}
	return arrived.In(zone).Format("2006/01/02/") + string(id), nil
}

func isID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s
}

// told is a path as it is told to others: relative to the data folder.
func told(p string) string { return path.Join(folder, p) }

// idOf is the call a file belongs to; false for a file that is not named after one.
func idOf(name string) (call.ID, bool) {
	base := path.Base(name)
	s, _, _ := strings.Cut(base, ".")
	return call.ID(s), isID(s)
}

// A shelf is what is found of one call in one folder.
type shelf struct {
	call                   call.ID
	stem                   string
	sound, manifest, draft bool
	gone                   bool // the chain has it as erased
	box, key               bool // the sound is encrypted; its key is there
	twice                  bool // there is a plain sound and an encrypted one
}

// file is where the sound is, or would be.
func (sh shelf) file() string {
	if sh.box || sh.key && !sh.sound {
		return sh.stem + boxExt
	}
	return sh.stem + soundExt
}

// walk finds all calls' files under root, oldest day first and by id within a day, and the
// temporary files that somebody died over.
func walk(root *os.Root) (shelves []shelf, temps []string, err error) {
	found := map[string]*shelf{}
	err = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() || strings.Count(p, "/") != 3:
			return nil
		case path.Ext(p) == tempExt:
			temps = append(temps, p)
			return nil
		}
		id, ok := idOf(p)
		if !ok {
			return nil // not ours
		}
		ext := path.Ext(p)
		s := strings.TrimSuffix(p, ext)
		if path.Base(s) != string(id) || ext == peaksExt { // peaks are of nothing by themselves
			return nil
		}
		sh := found[s]
		if sh == nil {
			sh = &shelf{call: id, stem: s}
			found[s] = sh
		}
		switch ext {
		case soundExt, boxExt:
			sh.twice = sh.sound
			sh.sound, sh.box = true, sh.box || ext == boxExt
		case keyExt:
			sh.key = true
		case manifestExt:
			sh.manifest = true
		case draftExt:
			sh.draft = true
		case goneExt:
			sh.gone = true
		}
		return nil
	})
	for _, sh := range found {
		shelves = append(shelves, *sh)
	}
	slices.SortFunc(shelves, func(a, b shelf) int { return strings.Compare(a.stem, b.stem) })
	return shelves, temps, err
}

// syncAbove makes the name of a folder survive a power cut.
func syncAbove(dir string) error {
	root, err := os.OpenRoot(filepath.Dir(filepath.Clean(dir)))
	if err != nil {
		return fmt.Errorf("sync folder: %w", err)
	}
	defer root.Close() // only read
	return durable.SyncFolder(root, ".")
}
