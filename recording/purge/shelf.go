package purge

import (
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

// The folders in which sound lies, in the data folder, and what each is of.
var folders = map[string]string{"recordings": KindRecording, "messages": KindMessage}

// dayForm is how the folders of days are named below those.
const dayForm = "2006/01/02"

// What lies beside each other. Any other file named after an id is sound, or made of sound.
const (
	manifestExt = ".json"
	goneExt     = ".gone"
	keyExt      = ".key"
)

// A shelf is what lies of one recording in the folder of its day.
type shelf struct {
	id       call.ID
	kind     string
	dir      string // relative to the data folder: recordings/2026/03/02
	day      time.Time
	files    []string // names, without the manifest and the tombstone
	manifest bool
	gone     bool // it is in the chain as erased
}

func (s shelf) stem() string { return path.Join(s.dir, string(s.id)) }

// sound is the file whose name the outside knows.
func (s shelf) sound() string { return s.stem() + ".wav" }

// sealed says that it is written to its end, or was.
func (s shelf) sealed() bool { return s.manifest || s.gone }

// erased says that nothing is left to do.
func (s shelf) erased() bool {
	return s.gone && len(s.files) == 0 && (s.kind == KindRecording || !s.manifest)
}

// days are the folders of days of one kind, the oldest first.
func days(root *os.Root, folder string, zone *time.Location) (list []time.Time, err error) {
	for _, y := range names(root, folder, &err) {
		for _, m := range names(root, path.Join(folder, y), &err) {
			for _, d := range names(root, path.Join(folder, y, m), &err) {
				if t, e := time.ParseInLocation(dayForm, path.Join(y, m, d), zone); e == nil {
					list = append(list, t)
				}
			}
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return list, err
}

// names are the folders of years, months or days in a folder. One that is not there has none.
func names(root *os.Root, dir string, errp *error) (list []string) {
	entries, err := fs.ReadDir(root.FS(), dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		*errp = errors.Join(*errp, err)
	}
	for _, e := range entries {
		if n := e.Name(); e.IsDir() && (len(n) == 2 || len(n) == 4) {
			list = append(list, n)
		}
	}
	return list
}

// shelves are the recordings of one day, by id.
func shelves(root *os.Root, folder string, day time.Time) ([]shelf, error) {
	entries, err := fs.ReadDir(root.FS(), path.Join(folder, day.Format(dayForm)))
	if err != nil {
		return nil, err
	}
	var list []shelf
	for _, e := range entries { // sorted, so those of one id stand together
		stem, ext, _ := strings.Cut(e.Name(), ".")
		if e.IsDir() || !isID(stem) {
			continue // not ours
		}
		if n := len(list); n == 0 || list[n-1].id != call.ID(stem) {
			list = append(list, emptyShelf(folder, day, call.ID(stem)))
		}
		s := &list[len(list)-1]
		switch "." + ext {
		case manifestExt:
			s.manifest = true
		case goneExt:
			s.gone = true
		default:
			s.files = append(s.files, e.Name())
		}
	}
	return list, nil
}

// emptyShelf is one on which nothing lies.
func emptyShelf(folder string, day time.Time, id call.ID) shelf {
	return shelf{id: id, kind: folders[folder], dir: path.Join(folder, day.Format(dayForm)), day: day}
}

// where is the folder, and in it the day, of what is erased.
func where(e Erasure) (folder string, day time.Time, err error) {
	for folder, kind := range folders {
		if kind == e.Kind {
			day, err := dayOf(e.Path, folder)
			return folder, day, err
		}
	}
	return "", day, fmt.Errorf("%q is no kind of recording", e.Kind)
}

// dayOf is the day of a path such as recordings/2026/03/02/ID.wav.
func dayOf(p, folder string) (time.Time, error) {
	rel, ok := strings.CutPrefix(p, folder+"/")
	day, err := time.Parse(dayForm, path.Dir(rel))
	if !ok || err != nil {
		return day, fmt.Errorf("%q is not the path of a recording; it should be like %s/2026/03/02/ID.wav", p, folder)
	}
	return day, nil
}

// find is what lies of an erasure: an empty shelf where nothing does.
func find(root *os.Root, e Erasure) (shelf, error) {
	folder, day, err := where(e)
	if err != nil {
		return shelf{}, err
	}
	list, err := shelves(root, folder, day)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return shelf{}, err
	}
	for _, s := range list {
		if s.id == e.ID {
			return s, nil
		}
	}
	return emptyShelf(folder, day, e.ID), nil
}

func isID(s string) bool {
	u, err := uuid.Parse(s)
	return err == nil && u.String() == s
}

// bytes is how much room a shelf takes.
func (s shelf) bytes(root *os.Root) int64 {
	day, err := root.OpenRoot(s.dir)
	if err != nil {
		return 0
	}
	defer day.Close() // only looked at
	return s.weigh(day)
}

// weigh is bytes with the folder of the day open: a year of days is walked through file by file.
func (s shelf) weigh(day *os.Root) (n int64) {
	for _, name := range s.files {
		if st, err := day.Lstat(name); err == nil {
			n += st.Size()
		}
	}
	return n
}

// A paper is what the manifest of a recording or the slip of a message says, as far as it matters here. What
// else they say is for others.
type paper struct {
	Call   call.ID   `json:"call"`
	Linked call.ID   `json:"linked"`
	Line   string    `json:"line"`
	Ended  time.Time `json:"ended"`
	Opened time.Time `json:"opened"`
	At     time.Time `json:"at"` // of a message
	SHA256 string    `json:"sha256"`
	Seq    int64     `json:"seq"` // 0: it is no link of the chain
	Digest string    `json:"digest"`
}

// read reads the manifest. One that is damaged is an error, and what it says stays empty.
func (s shelf) read(root *os.Root) (p paper, err error) {
	b, err := root.ReadFile(s.stem() + manifestExt)
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return paper{}, fmt.Errorf("%s: %w", s.stem()+manifestExt, err)
	}
	return p, nil
}
