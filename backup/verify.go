package backup

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"hotline/store"
)

// VerifyOptions are what a backup is verified with.
type VerifyOptions struct {
	Dir   string
	Keys  []ed25519.PublicKey // the backup must be signed by one; none: it need not be signed
	Rate  int64               // bytes a second; 0: as fast as it goes
	Check Check
	Tell  func(Progress) // may be nil
}

// A Verification is what Verify found.
type Verification struct {
	Manifest Manifest
	Bytes    int64
	Faults   []string // lines for people, each beginning with a file of the backup
}

// Verify reads the whole of a backup: each file is what BACKUP.json says and no other is there, the
// database passes SQLite's own check, and recordings, messages and rows belong together. It
// changes nothing but to end a run that had written BACKUP.json and died then. The error says that
// the folder holds no backup, or that it cannot be read.
func Verify(ctx context.Context, o VerifyOptions) (v Verification, err error) {
	dir, err := openFolder(o.Dir)
	if err != nil {
		return v, fmt.Errorf("verify: %w", explained(err, o.Dir))
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	p := &pace{rate: o.Rate, tell: o.Tell}
	if v, err = verifyFiles(ctx, p, dir, o.Keys); err != nil {
		return v, fmt.Errorf("verify: %w", explained(err, o.Dir))
	}
	rows, err := store.CheckRows(ctx, filepath.Join(o.Dir, dataFolder, store.RowsFile))
	if err != nil {
		v.Faults = append(v.Faults, inData(store.RowsFile)+": "+err.Error())
		return v, ctx.Err()
	}
	if rows.Schema != v.Manifest.Schema {
		v.Faults = append(v.Faults, fmt.Sprintf("%s: its schema is %d, %s says %d", inData(store.RowsFile), rows.Schema, File, v.Manifest.Schema))
	}
	if o.Check == nil {
		return v, nil
	}
	found, err := p.checked(ctx, o.Check, filepath.Join(o.Dir, dataFolder), v.Manifest, rows)
	for _, f := range found {
		v.Faults = append(v.Faults, inData(f))
	}
	return v, err
}

// verifyFiles reads every file of a backup.
func verifyFiles(ctx context.Context, p *pace, dir *folder, keys []ed25519.PublicKey) (v Verification, err error) {
	if v.Manifest, err = read(dir.Root, keys); err != nil {
		return v, err
	}
	if err := dir.settle(v.Manifest); err != nil {
		return v, err
	}
	v.Bytes = v.Manifest.bytes()
	p.begin("reading the backup", v.Bytes)
	for _, e := range v.Manifest.Files {
		fault, err := examine(ctx, p, dir, e)
		if err != nil {
			return v, err
		}
		if fault != "" {
			v.Faults = append(v.Faults, e.Path+": "+fault)
		}
		p.file()
	}
	extra, err := dir.strangers(v.Manifest)
	for _, s := range extra {
		v.Faults = append(v.Faults, s+": "+File+" does not name it: somebody has put it there")
	}
	return v, err
}

// examine says what is wrong with one file, or "". The error is the end of ctx.
func examine(ctx context.Context, p *pace, dir *folder, e Entry) (string, error) {
	info, err := dir.Lstat(e.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "it is missing", nil
	case err != nil:
		return err.Error(), nil
	case !info.Mode().IsRegular():
		return "it is no file", nil
	case info.Size() != e.Size:
		return fmt.Sprintf("it has %d bytes, %s says %d", info.Size(), File, e.Size), nil
	}
	sum, _, err := hashFile(ctx, p, place{dir.Root, e.Path})
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "it cannot be read: " + err.Error(), nil
	case sum != e.SHA256:
		return "it was changed: its SHA-256 is another", nil
	}
	return "", nil
}
