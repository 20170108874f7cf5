package archive

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"time"

	"hotline/call"
	"hotline/recording/durable"
)

// noteVersion is the version of the form of CALL.away.
const noteVersion = 1

// A Note is CALL.away: what is known of the copies of one recording. Its form is part of the
// outside contract.
type Note struct {
	Version int        `json:"version"`
	Call    call.ID    `json:"call"`
	Copies  []Copy     `json:"copies"`
	Removed *time.Time `json:"removed,omitempty"` // the sound here, because all places have it
}

// A Copy is a recording at a place, every byte of which was read back and was right.
type Copy struct {
	Place    string    `json:"place"` // dir or s3
	Where    string    `json:"where"`
	Verified time.Time `json:"verified"` // when the last of its files was
	Files    []File    `json:"files"`
}

// A File is one of the files of a copy.
type File struct {
	Name    string    `json:"name"` // without folder
	Size    int64     `json:"size"` // bytes
	SHA256  string    `json:"sha256"`
	Changed time.Time `json:"changed"` // the file here, as it was when it was sent
}

// copyAt is the copy at a place; nil: there is none.
func (n *Note) copyAt(where string) *Copy {
	for i := range n.Copies {
		if n.Copies[i].Where == where {
			return &n.Copies[i]
		}
	}
	return nil
}

// put notes a copy, in the place of an older one.
func (n *Note) put(c Copy) {
	if old := n.copyAt(c.Where); old != nil {
		*old = c
		return
	}
	n.Copies = append(n.Copies, c)
}

// drop forgets the copy at a place.
func (n *Note) drop(where string) {
	n.Copies = slices.DeleteFunc(n.Copies, func(c Copy) bool { return c.Where == where })
}

// at are the wheres of all copies.
func (n *Note) at() (all []string) {
	for _, c := range n.Copies {
		all = append(all, c.Where)
	}
	return all
}

// file is one of the files of a copy, by name.
func (c *Copy) file(name string) (File, bool) {
	i := slices.IndexFunc(c.Files, func(f File) bool { return f.Name == name })
	if i < 0 {
		return File{}, false
	}
	return c.Files[i], true
}

// sound is the file of a copy that has the sound.
func (c *Copy) sound() (File, bool) {
	i := slices.IndexFunc(c.Files, func(f File) bool { return isSound(path.Ext(f.Name)) })
	if i < 0 {
		return File{}, false
	}
	return c.Files[i], true
}

// readNote reads CALL.away. Where there is none it is empty. One that cannot be read is an error:
// what it said would be lost by writing another.
func readNote(root *os.Root, stem string) (Note, error) {
	n := Note{Version: noteVersion, Call: call.ID(path.Base(stem)), Copies: []Copy{}}
	b, err := root.ReadFile(stem + noteExt)
	if errors.Is(err, fs.ErrNotExist) {
		return n, nil
	} else if err != nil {
		return n, err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	read := Note{}
	switch err := dec.Decode(&read); {
	case err != nil:
		return n, fmt.Errorf("%s cannot be read; remove it, and the places are asked what they have: %w", stem+noteExt, err)
	case read.Version != noteVersion:
		return n, fmt.Errorf("%s: version %d is not known here, it is %d", stem+noteExt, read.Version, noteVersion)
	case read.Call != n.Call:
		return n, fmt.Errorf("%s belongs to call %s; remove it, and the places are asked what they have", stem+noteExt, read.Call)
	}
	return read, nil
}

// write leaves the note beside the recording, on the disk when it returns.
func (n Note) write(root *os.Root, stem string) error {
	b, err := json.Marshal(n)
	if err != nil {
		return err
	}
	if err := durable.Replace(root, stem+noteExt, append(b, '\n'), fileMode); err != nil {
		return fmt.Errorf("note: %w", err)
	}
	return nil
}

// Away reports whether the sound of a recording was removed here because all places have it. root
// is the folder of the recordings, stem the recording's path in it without ending.
func Away(root *os.Root, stem string) bool {
	n, err := readNote(root, stem)
	return err == nil && n.Removed != nil
}
