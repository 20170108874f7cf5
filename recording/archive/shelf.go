package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"hotline/call"
)

// folderName is the name of the recordings' folder inside the data folder, in front of every path
// that others tell and are told.
const folderName = "recordings"

// What lies beside each other in the folder of a day.
const (
	plainExt    = ".wav"
	sealedExt   = ".rec" // encrypted
	manifestExt = ".json"
	noteExt     = ".away"
)

// beside are the files of a recording that go away, in their order: the manifest last.
var beside = []string{plainExt, sealedExt, ".key", ".peaks", manifestExt}

// soundExts are the endings that the sound may have.
var soundExts = []string{sealedExt, plainExt}

func isSound(ext string) bool { return slices.Contains(soundExts, ext) }

// isFixed reports whether a file is never changed once the recording is sealed. A key is sealed
// anew when keys are rotated, and peaks may be drawn anew.
func isFixed(ext string) bool { return isSound(ext) || ext == manifestExt }

// Stem is the path of a recording without ending, relative to the folder of the recordings, of what
// others call it: with recordings/ before it or an ending behind it. false: it is none.
func Stem(told string) (string, bool) {
	s := strings.TrimPrefix(told, folderName+"/")
	s = strings.TrimSuffix(s, path.Ext(s))
	day, id := path.Split(s)
	_, err := time.Parse("2006/01/02/", day)
	u, bad := uuid.Parse(id)
	return s, err == nil && bad == nil && u.String() == id
}

// A shelf is what lies here of one recording.
type shelf struct {
	stem            string
	exts            []string // of what goes away, in the order of beside
	sound, manifest bool
	note            bool
}

// lay notes what a file of a recording is.
func (s *shelf) lay(ext string) {
	s.sound = s.sound || isSound(ext)
	s.manifest = s.manifest || ext == manifestExt
	s.note = s.note || ext == noteExt
	if ext != noteExt {
		s.exts = append(s.exts, ext)
	}
}

// walk finds the recordings here, oldest first.
func walk(ctx context.Context, root *os.Root) ([]shelf, error) {
	found := map[string]*shelf{}
	err := fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // purged while we looked
			return nil
		case err != nil:
			return err
		case d.IsDir():
			return ctx.Err()
		}
		ext := path.Ext(p)
		stem, ok := Stem(p)
		if !ok || !slices.Contains(beside, ext) && ext != noteExt {
			return nil
		}
		s := found[stem]
		if s == nil {
			s = &shelf{stem: stem}
			found[stem] = s
		}
		s.lay(ext)
		return nil
	})
	out := make([]shelf, 0, len(found))
	for _, s := range found {
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b shelf) int { return strings.Compare(a.stem, b.stem) })
	return out, err
}

// lies are the files of a recording that lie here now, as they are known without reading them.
func lies(root *os.Root, stem string) ([]File, error) { return liesOf(root, stem, beside, true) }

// liesOf are those with some endings. Of those that never change no more than the name is needed to
// know whether they are away, and no more is told unless all is.
func liesOf(root *os.Root, stem string, exts []string, all bool) (files []File, err error) {
	for _, ext := range exts {
		if isFixed(ext) && !all {
			files = append(files, File{Name: path.Base(stem) + ext})
			continue
		}
		st, err := root.Stat(stem + ext)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		files = append(files, File{Name: path.Base(stem) + ext, Size: st.Size(), Changed: st.ModTime().UTC()})
	}
	return files, nil
}

// A manifest is what is read here of CALL.json.
type manifest struct {
	Call   call.ID   `json:"call"`
	State  string    `json:"state"`
	SHA256 string    `json:"sha256"` // of the sound, the whole file
	Sealed time.Time `json:"sealed"`
}

func readManifest(b []byte) (m manifest, err error) {
	if err := json.Unmarshal(b, &m); err != nil {
		return m, fmt.Errorf("the manifest cannot be read: %w", err)
	}
	return m, nil
}

// sealed is when a recording was sealed.
func sealed(root *os.Root, stem string) time.Time {
	if b, err := root.ReadFile(stem + manifestExt); err == nil {
		if m, err := readManifest(b); err == nil && !m.Sealed.IsZero() {
			return m.Sealed
		}
	}
	st, err := root.Stat(stem + manifestExt)
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}
