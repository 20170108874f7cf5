package backup

import (
	"context"
	"io/fs"
	"maps"
	"path"
	"strings"

	"hotline/call"
)

// copyMessages copies what callers have left. A slip lies in messages/new until the rows have a case
// of its message. The rows of this backup are older than its files: a slip that was moved meanwhile
// is put back among the new ones, and the restored server makes the case.
func (r *run) copyMessages(ctx context.Context) error {
	r.pace.goOn("copying messages")
	taken, err := quietly(ctx, messagesFolder, r.messagesOnce)
	if err != nil {
		return err
	}
	maps.Copy(r.files, taken)
	return nil
}

func (r *run) messagesOnce(ctx context.Context) (map[string]Entry, error) {
	// The new ones first: a slip only ever moves from there to the folder of its day.
	slips, half := map[string]string{}, map[string]bool{}
	err := r.each(newFolder, func(p string, _ fs.FileInfo) error {
		id, rest, _ := strings.Cut(path.Base(p), ".")
		if "."+rest == manifestExt {
			slips[id] = p
		} else {
			half[id] = true
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var sounds []string
	err = r.each(messagesFolder, func(p string, _ fs.FileInfo) error {
		id, _, _ := strings.Cut(path.Base(p), ".")
		switch {
		case path.Dir(p) == newFolder:
		case path.Ext(p) == manifestExt:
			slips[id] = p
		default:
			sounds = append(sounds, p)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	taken := map[string]Entry{}
	for id, p := range slips {
		to := p
		if !r.rows.Cases[call.ID(id)] {
			to = path.Join(newFolder, id+manifestExt)
			if _, ok := r.folders[newFolder]; !ok {
				r.folders[newFolder] = folderMode
			}
		}
		e, err := r.put(ctx, p, inData(to))
		if err != nil {
			return nil, err
		}
		taken[e.Path] = e
	}
	for _, p := range sounds {
		id, _, _ := strings.Cut(path.Base(p), ".")
		if _, kept := slips[id]; !kept && (half[id] || r.hasSlip(p, id)) {
			continue // it is being kept, or was after the rows, or is taken back
		}
		e, err := r.put(ctx, p, inData(p))
		if err != nil {
			return nil, err
		}
		taken[e.Path] = e
	}
	return taken, nil
}

// hasSlip reports whether there is a slip now of a sound that had none when the slips were listed.
func (r *run) hasSlip(sound, id string) bool {
	slip := path.Join(newFolder, id+manifestExt)
	for _, p := range []string{slip + ".tmp", slip, slip + ".gone", strings.TrimSuffix(sound, path.Ext(sound)) + manifestExt} {
		if r.isThere(p) {
			return true
		}
	}
	return false
}
