package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// keysFolder holds the keys of a data folder.
const keysFolder = "keys"

// copyKeys copies the keys that are there now, and leaves those that it has copied before.
func (r *run) copyKeys(ctx context.Context) error {
	if r.o.WithoutKeys {
		return nil
	}
	r.pace.goOn("copying the keys")
	return r.copyAll(ctx, keysFolder)
}

// copyRest copies everything that has no way of its own.
func (r *run) copyRest(ctx context.Context) error {
	r.pace.goOn("copying clips and lists")
	tops, err := fs.ReadDir(r.data.FS(), ".")
	if err != nil {
		return err
	}
	for _, t := range tops {
		if slices.Contains([]string{keysFolder, messagesFolder, recordingsFolder}, t.Name()) {
			continue
		}
		if err := r.copyAll(ctx, t.Name()); err != nil {
			return err
		}
	}
	return nil
}

// copyAll copies what is below a folder of the data folder, or the file of that name.
func (r *run) copyAll(ctx context.Context, name string) error {
	return r.each(name, func(p string, _ fs.FileInfo) error {
		e, err := r.put(ctx, p, inData(p))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // gone meanwhile
		} else if err != nil {
			return err
		}
		r.files[e.Path] = e
		return nil
	})
}

// copyConfig copies the configuration and what it names.
func (r *run) copyConfig(ctx context.Context) error {
	names := slices.Clone(r.o.Config)
	if !r.o.WithoutKeys {
		names = append(names, r.o.Secrets...)
	}
	for _, name := range names {
		abs, err := filepath.Abs(name)
		if err != nil {
			return err
		}
		root, err := os.OpenRoot(filepath.Dir(abs))
		if err != nil {
			return err
		}
		// With its whole path: two may have the same name.
		e, err := r.putFrom(ctx, place{root, filepath.Base(abs)}, path.Join(configFolder, filepath.ToSlash(strings.TrimPrefix(abs, filepath.VolumeName(abs)))))
		if err := errors.Join(err, root.Close()); err != nil {
			return fmt.Errorf("%s, which the configuration names: %w", name, err)
		}
		r.files[e.Path] = e
	}
	return nil
}
