package backup

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Marker is a file in a data folder into which a restore has begun and not ended. A server does not
// start on such a folder.
const Marker = "restoring.json"

// A mark is what the marker holds.
type mark struct {
	Backup string `json:"backup"` // where it is
	Run    string `json:"run"`
	Digest string `json:"digest"`
}

// ErrUnfinished says that a restore into a data folder has not ended.
var ErrUnfinished = errors.New("a restore into it has not ended")

// Whole is nil for a data folder on which a server may start; otherwise it is ErrUnfinished and says
// what would be right.
func Whole(data string) error {
	b, err := os.ReadFile(filepath.Join(data, Marker))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	var m mark
	_ = json.Unmarshal(b, &m) // cut off by a crash: the command below is right all the same
	if m.Backup == "" {
		m.Backup = "DIR"
	}
	return fmt.Errorf("data folder %s: %w: run `hotline restore %s` to its end, or empty the folder", data, ErrUnfinished, m.Backup)
}

// mark says that the folder is not whole.
func (t *target) mark() error {
	abs, err := filepath.Abs(t.o.Dir)
	if err != nil {
		return err
	}
	b, err := json.Marshal(mark{Backup: abs, Run: t.m.Run, Digest: t.m.Digest})
	if err != nil {
		return err
	}
	t.stepped("mark")
	return writeFile(t.root, Marker, append(b, '\n'))
}

// mayFill is nil for a folder that is missing or empty, or that the same restore has begun to fill.
func (t *target) mayFill() error {
	names, err := os.ReadDir(t.o.Data)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	b, err := os.ReadFile(filepath.Join(t.o.Data, Marker))
	if err == nil {
		var was mark
		if json.Unmarshal(b, &was) == nil && was.Digest == t.m.Digest {
			return nil
		}
		return fmt.Errorf("a restore of another backup (%s of %s) into %s has not ended: end that one, or empty the folder first", was.Run, was.Backup, t.o.Data)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, n := range names {
		// An earlier restore died between its lock and its marker, or the folder is a mount point.
		if n.Name() != "lock" && n.Name() != "lost+found" && n.Name() != Marker+partExt {
			return fmt.Errorf("%s is not empty: a restore fills only an empty folder. Stop the server, move the folder out of the way (mv %s %s.old), and restore again", t.o.Data, t.o.Data, filepath.Clean(t.o.Data))
		}
	}
	return nil
}
