package backup

import (
	"encoding/json"
	"maps"
)

// A link is what a chain's link says of its place, whatever else it says.
type link struct {
	Seq    int64  `json:"seq"`
	Key    string `json:"key"`
	SHA256 string `json:"sha256"`
}

// heads are the highest numbers of the links that a listing has seen, by key.
func (r *run) heads(l listing) (map[string]int64, error) {
	heads := maps.Clone(r.old.Heads)
	if heads == nil {
		heads = map[string]int64{}
	}
	see := func(p string) error {
		if r.unchanged(p) {
			return nil // the backup before knows its number
		}
		n, err := r.link(p)
		if err == nil && n.Seq > 0 {
			heads[n.Key] = max(heads[n.Key], n.Seq)
		}
		return err
	}
	for _, s := range l.shelves {
		if s.has(manifestExt) {
			if err := see(s.stem + manifestExt); err != nil {
				return nil, err
			}
		}
	}
	for _, p := range l.links {
		if err := see(p); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// within reports whether a link is one of those up to the heads of this backup. What is no link of a chain is.
func (r *run) within(p string) (bool, error) {
	if r.unchanged(p) {
		return true, nil
	}
	n, err := r.link(p)
	return n.Seq <= 0 || n.Seq <= r.m.Heads[n.Key], err
}

// unchanged reports whether the backup before has this very file.
func (r *run) unchanged(p string) bool {
	e, ok := r.had[inData(p)]
	if !ok {
		return false
	}
	from, done, err := r.source(p)
	if err != nil {
		return false
	}
	defer done()
	info, err := from.root.Lstat(from.name)
	return err == nil && info.Size() == e.Size && info.ModTime().Equal(e.Modified)
}

// link reads a manifest. What cannot be read as one is no link; `recording verify` complains of it.
func (r *run) link(p string) (n link, err error) {
	from, done, err := r.source(p)
	if err != nil {
		return n, err
	}
	defer done()
	b, err := from.root.ReadFile(from.name)
	if err != nil {
		return n, err
	}
	if json.Unmarshal(b, &n) != nil {
		return link{}, nil
	}
	return n, nil
}
