package recording

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"

	"hotline/call"
	away "hotline/recording/archive"
)

// OpenAway gives as OpenPath does the sound of a recording whose file was opened at a place away from this
// machine; dir has its key. Closing it closes the file, and so does an error.
func OpenAway(dir, told string, f *away.Sound, unwrap Unwrap) (*Sound, error) {
	s, err := openAway(dir, told, f, unwrap)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open sound %s at %s: %w", told, f.Place, err), f.Close())
	}
	s.close = f.Close
	return s, nil
}

func openAway(dir, told string, f *away.Sound, unwrap Unwrap) (*Sound, error) {
	if path.Ext(f.Name) == soundExt {
		head := make([]byte, maxHead)
		n, err := f.ReadAt(head, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		_, samples, err := readHead(head[:n])
		if err != nil {
			return nil, err
		}
		return &Sound{Reader: f, Size: f.Size, Duration: samplesTime(max(0, samples))}, nil
	}
	stem, err := stemTold(told)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close() // only read
	sealed, err := root.ReadFile(stem + keyExt)
	if err != nil {
		return nil, fmt.Errorf("the key: %w", err)
	}
	return Decrypt(f, f.Size, call.ID(path.Base(stem)), sealed, unwrap)
}
