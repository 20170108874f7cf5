package trace

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"hotline/call"
)

// suffix of the files' names: DIR/YYYY/MM/DD/CALL.pcapng, by the day on which the call began.
const suffix = ".pcapng"

// pathOf is where the signalling of a call is written. The id is checked: it becomes a name.
func pathOf(dir string, zone *time.Location, id call.ID) (string, error) {
	u, err := uuid.Parse(string(id))
	if err != nil || u.String() != string(id) {
		return "", errNoCall
	}
	day := time.Unix(u.Time().UnixTime()).In(zone).Format("2006/01/02")
	return filepath.Join(dir, filepath.FromSlash(day), string(id)+suffix), nil
}

// appendFile adds messages to the file of their call, and begins it where there is none. It says
// how many the file had no room for.
func appendFile(dir string, zone *time.Location, id call.ID, ms []Message) (cut int, err error) {
	path, err := pathOf(dir, zone, id)
	if err != nil {
		return 0, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, fmt.Errorf("make the folder of traces: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return 0, fmt.Errorf("open a trace: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return 0, fmt.Errorf("look at a trace: %w", err)
	}
	var b []byte
	if info.Size() == 0 {
		b = appendHead(b)
	}
	for _, m := range ms {
		if !fits(int(info.Size())+len(b), perFile, m) {
			cut++
			continue
		}
		b = appendMessage(b, m)
	}
	if _, err := f.Write(b); err != nil {
		// Half a block would hide whatever is written behind it.
		return 0, errors.Join(fmt.Errorf("write a trace: %w", err), f.Truncate(info.Size()))
	}
	return cut, nil
}

// Read gives the messages that are written of a call, in their order; none of an unknown one.
func Read(dir string, id call.ID) ([]Message, error) {
	if _, err := pathOf(dir, time.UTC, id); err != nil {
		return nil, nil // nothing is written of it
	}
	// The zone of the folders may have changed since.
	folder := os.DirFS(dir)
	found, err := fs.Glob(folder, "*/*/*/"+string(id)+suffix)
	if err != nil {
		return nil, fmt.Errorf("find a trace: %w", err)
	}
	var all []Message
	for _, path := range found {
		b, err := fs.ReadFile(folder, path)
		if err != nil {
			return nil, fmt.Errorf("read a trace: %w", err)
		}
		ms, err := parse(id, b)
		if err != nil {
			return nil, fmt.Errorf("read the trace %s: %w", filepath.Base(path), err)
		}
		all = append(all, ms...)
	}
	return all, nil
}

// removeOld removes the files that were not written to since, and the folders that are empty then.
func removeOld(dir string, since time.Time) error {
	var folders []string
	var errs []error
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir():
			if path != dir {
				folders = append(folders, path)
			}
			return nil
		}
		if info, err := d.Info(); err == nil && filepath.Ext(path) == suffix && info.ModTime().Before(since) {
			errs = append(errs, os.Remove(path))
		}
		return nil
	})
	for i := len(folders) - 1; i >= 0; i-- { // the inner ones first
		_ = os.Remove(folders[i]) // fails on those that are not empty, as it should
	}
	return errors.Join(append(errs, err)...)
}
