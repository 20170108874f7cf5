package backup

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// The folders that are copied in ways of their own.
const (
	recordingsFolder = "recordings"
	messagesFolder   = "messages"
	newFolder        = messagesFolder + "/new"
)

// The endings that say how far a recording is, or a slip.
const (
	manifestExt = ".json"
	draftExt    = ".draft"
)

// soundExts are those of a sound: plain, or encrypted.
var soundExts = []string{".wav", ".rec"}

// chainIndex is the file beside a chain's links that only helps to find them.
const chainIndex = "links"

// A shelf is the files of one recording, by their endings.
type shelf struct {
	stem  string // relative to the data folder
	files []string
}

func (s shelf) has(ext string) bool { return slices.Contains(s.files, s.stem+ext) }

// A listing is what is below recordings.
type listing struct {
	shelves []shelf
	links   []string // of the chain that are no recordings
	others  []string
}

// lost reports whether a sealed recording had files in this listing that it has no more, but for its draft, or was
// begun since and has no sound any more.
func (l listing) lost(now shelf) bool {
	i, ok := slices.BinarySearchFunc(l.shelves, now.stem, func(s shelf, stem string) int { return strings.Compare(s.stem, stem) })
	if !ok {
		return !slices.ContainsFunc(soundExts, now.has)
	}
	return slices.ContainsFunc(l.shelves[i].files, func(p string) bool {
		return path.Ext(p) != draftExt && !slices.Contains(now.files, p)
	})
}

// stemOf is the path of a recording's files without an ending; false for other files.
func stemOf(p string) (string, bool) {
	parts := strings.Split(p, "/")
	if len(parts) != 5 || parts[0] != recordingsFolder || len(parts[1]) != 4 || len(parts[2]) != 2 || len(parts[3]) != 2 {
		return "", false
	}
	base, _, ok := strings.Cut(parts[4], ".")
	return path.Join(path.Dir(p), base), ok
}

func (r *run) list() (l listing, err error) {
	err = r.each(recordingsFolder, func(p string, _ fs.FileInfo) error {
		r.stepped("see " + p)
		stem, ok := stemOf(p)
		switch last := len(l.shelves) - 1; {
		case path.Base(p) == chainIndex && strings.HasPrefix(p, recordingsFolder+"/chain/"):
			// It may be a link ahead of what is copied, or one behind; without it, it is made anew.
		case ok && last >= 0 && l.shelves[last].stem == stem: // names come in order
			l.shelves[last].files = append(l.shelves[last].files, p)
		case ok:
			l.shelves = append(l.shelves, shelf{stem, []string{p}})
		case strings.HasPrefix(p, recordingsFolder+"/chain/") && path.Ext(p) == manifestExt:
			l.links = append(l.links, p)
		default:
			l.others = append(l.others, p)
		}
		return nil
	})
	slices.SortFunc(l.shelves, func(a, b shelf) int { return strings.Compare(a.stem, b.stem) })
	return l, err
}
