package chain

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"hotline/recording/durable"
)

// folder is where links lie that are no recordings: folder/KEYID/.
const folder = "chain"

// What stands in the folder of a key, besides links.
const (
	publicFile = "node.pem" // the public key
	indexFile  = "links"    // a line a link: SEQ DIGEST PATH
)

// The kinds of links that are no recordings.
const (
	KindBegun  = "begun"  // the first: it adopts what is older
	KindErased = "erased" // recordings whose sound is gone for good
)

// linkExt is the ending of links, manifests among them.
const linkExt = ".json"

const (
	folderMode = 0o750
	fileMode   = 0o640
)

// A Chain grows by one link at a time. Its methods may be called from any goroutine; they wait for the disk.
type Chain struct {
	root *os.Root
	key  *Key
	dir  string
	now  func() time.Time
	step func(name string) // told before each step that a process may die at; tests only

	mu    sync.Mutex
	last  Link
	index *os.File
	size  int64
}

// A Begun is the first link of a chain.
type Begun struct {
	Version int       `json:"version"`
	Kind    string    `json:"kind"`
	Node    string    `json:"node"`
	At      time.Time `json:"at"`
	Adopted []Adopted `json:"adopted"` // what was sealed before there was a chain
	Others  []End     `json:"others"`  // chains of other keys that lie here, and how far they had come
	Link
}

// An Adopted is a file that is older than the chain.
type Adopted struct {
	Path   string `json:"path"`   // relative to the recordings
	SHA256 string `json:"sha256"` // of the whole file
}

// An End is the last link of another chain, whose key is to be trusted up to there.
type End struct {
	Key    string `json:"key"`
	Public []byte `json:"public"` // the key itself
	Links  int64  `json:"links"`
	Digest string `json:"digest"`
}

// An Erased is a link that says which recordings have no sound any more, and why.
type Erased struct {
	Version    int       `json:"version"`
	Kind       string    `json:"kind"`
	At         time.Time `json:"at"`
	Why        string    `json:"why"`
	By         string    `json:"by"`
	Recordings []Gone    `json:"recordings"`
	Link
}

// A Gone is one recording that was erased.
type Gone struct {
	Call     string `json:"call"`
	Path     string `json:"path"`     // of the sound, relative to the recordings
	Manifest string `json:"manifest"` // digest of its link; empty for one that was adopted
}

// Open opens the chain of a key below root, the folder of the recordings, and begins it where there is none: its
// first link adopts every manifest that is there. A process that died while it added a link has added it whole or
// not at all; Settle says which.
func Open(root *os.Root, k *Key, node string) (*Chain, error) {
	c := &Chain{root: root, key: k, dir: path.Join(folder, k.ID()), now: time.Now, step: func(string) {}}
	if err := c.open(node); err != nil {
		return nil, fmt.Errorf("the recordings' chain: %w", errors.Join(err, c.Close()))
	}
	return c, nil
}

func (c *Chain) open(node string) error {
	if err := c.makeFolder(); err != nil {
		return err
	}
	f, err := c.root.OpenFile(path.Join(c.dir, indexFile), os.O_CREATE|os.O_RDWR, fileMode)
	if err != nil {
		return err
	}
	c.index = f
	line, end, err := lastLine(f)
	if err != nil {
		return err
	}
	if line == nil {
		return c.begin(node)
	}
	if err := f.Truncate(end); err != nil {
		return err
	}
	c.size = end
	e, err := parseEntry(line)
	if err != nil {
		return c.rebuild()
	}
	c.last = Link{Seq: e.seq, Digest: e.digest}
	return c.settle(nil)
}

func (c *Chain) makeFolder() error {
	if err := c.root.MkdirAll(c.dir, folderMode); err != nil {
		return err
	}
	name := path.Join(c.dir, publicFile)
	if _, err := c.root.Stat(name); err == nil {
		return nil
	}
	for _, dir := range []string{".", folder} {
		if err := durable.SyncFolder(c.root, dir); err != nil {
			return err
		}
	}
	return durable.Replace(c.root, name, c.key.PublicPEM(), fileMode)
}

// begin finds the links of a chain whose index is lost, or begins a chain.
func (c *Chain) begin(node string) error {
	if _, err := c.root.Stat(c.linkPath(1)); err == nil {
		return c.rebuild()
	}
	all, err := scan(c.root)
	if err != nil {
		return err
	}
	b := Begun{Version: 1, Kind: KindBegun, Node: node, At: c.now().UTC(), Adopted: []Adopted{}, Others: []End{}}
	ends := map[string]Link{}
	for _, f := range all {
		switch {
		case f.link.Seq == 0:
			b.Adopted = append(b.Adopted, Adopted{f.path, digest(f.line)})
		case f.link.Key == c.key.id:
			return c.rebuild()
		case f.link.Seq > ends[f.link.Key].Seq:
			ends[f.link.Key] = f.link
		}
	}
	for _, key := range slices.Sorted(maps.Keys(ends)) {
		public, err := publicOf(c.root, key)
		if err != nil {
			return err
		}
		b.Others = append(b.Others, End{key, public, ends[key].Seq, ends[key].Digest})
	}
	return c.add(c.linkPath(1), &b, &b.Link)
}

// linkPath is where a link lies that is no recording.
func (c *Chain) linkPath(seq int64) string {
	return path.Join(c.dir, fmt.Sprintf("%09d%s", seq, linkExt))
}

// rebuild makes the index anew from the links themselves.
func (c *Chain) rebuild() error {
	all, err := scan(c.root)
	if err != nil {
		return err
	}
	var lines bytes.Buffer
	for _, f := range ordered(all, c.key.id) {
		if f.link.Seq <= c.last.Seq {
			continue // one that was put in; verify tells of it
		}
		c.last = f.link
		fmt.Fprintf(&lines, "%d %s %s\n", f.link.Seq, f.link.Digest, f.path)
	}
	if err := c.index.Truncate(0); err != nil {
		return err
	}
	if _, err := c.index.WriteAt(lines.Bytes(), 0); err != nil {
		return err
	}
	c.size = int64(lines.Len())
	return c.index.Sync()
}

// Add writes v, in which l is embedded as the last field, as the next link to name below the recordings: whole or
// not at all, and on the disk when it returns nil. An error after the file has its name leaves a link that counts.
func (c *Chain) Add(name string, v any, l *Link) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.add(name, v, l)
}

func (c *Chain) add(name string, v any, l *Link) error {
	l.Seq, l.Previous = c.last.Seq+1, c.last.Digest
	line, err := c.key.Seal(v, l)
	if err != nil {
		return err
	}
	c.step("prepare")
	if err := durable.Write(c.root, name+durable.TempExt, line, fileMode); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	c.step("rename")
	if err := c.root.Rename(name+durable.TempExt, name); err != nil {
		return fmt.Errorf("link: %w", err)
	}
	c.last = *l
	c.step("sync folder")
	err = durable.SyncFolder(c.root, path.Dir(name))
	c.step("index")
	return errors.Join(err, c.enter(name))
}

// enter writes the last link into the index.
func (c *Chain) enter(name string) error {
	line := fmt.Appendf(nil, "%d %s %s\n", c.last.Seq, c.last.Digest, name)
	if _, err := c.index.WriteAt(line, c.size); err != nil {
		return fmt.Errorf("index of links: %w", err)
	}
	c.size += int64(len(line))
	if err := c.index.Sync(); err != nil {
		return fmt.Errorf("index of links: %w", err)
	}
	return nil
}

// Erase adds a link that says that the sound of these recordings is gone, and gives its line. It is to be written
// before the sound goes.
func (c *Chain) Erase(why, by string, gone []Gone) (line []byte, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := Erased{Version: 1, Kind: KindErased, At: c.now().UTC(), Why: why, By: by, Recordings: gone}
	name := c.linkPath(c.last.Seq + 1)
	if err := c.add(name, &e, &e.Link); err != nil {
		return nil, err
	}
	if line, err = c.root.ReadFile(name); err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	return line, nil
}

// Settle finishes what a process that died, or whose disk refused the index, has left of adding links at these
// names: those that are the next links count from now on. Others are left alone.
func (c *Chain) Settle(names ...string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settle(names)
}

func (c *Chain) settle(names []string) error {
	var open []file
	for _, name := range names {
		line, err := c.root.ReadFile(name)
		if err != nil {
			return fmt.Errorf("link: %w", err)
		}
		if _, l, err := split(line); err == nil {
			open = append(open, file{path: name, link: l})
		}
	}
	open = ordered(open, c.key.id)
	for {
		name := c.linkPath(c.last.Seq + 1) // one that is no recording
		if line, err := c.root.ReadFile(name); err == nil {
			if _, l, err := split(line); err == nil && l.Key == c.key.id && follows(c.last, l) == nil {
				open = append([]file{{path: name, link: l}}, open...)
			}
		}
		if len(open) == 0 {
			return nil
		}
		f := open[0]
		open = open[1:]
		if f.link.Key != c.key.id || follows(c.last, f.link) != nil {
			continue
		}
		c.last = f.link
		if err := errors.Join(durable.SyncFolder(c.root, path.Dir(f.path)), c.enter(f.path)); err != nil {
			return err
		}
	}
}

// Links is how many links there are, and the digest of the last.
func (c *Chain) Links() (n int64, digest string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last.Seq, c.last.Digest
}

// Close closes the index.
func (c *Chain) Close() error {
	if c.index == nil {
		return nil
	}
	return c.index.Close()
}

// An entry is a line of the index.
type entry struct {
	seq    int64
	digest string
	path   string
}

func parseEntry(line []byte) (e entry, err error) {
	fields := strings.SplitN(strings.TrimSuffix(string(line), "\n"), " ", 3)
	if len(fields) != 3 || len(fields[1]) != digestLen {
		return e, errors.New("not a line of the index of links")
	}
	e.digest, e.path = fields[1], fields[2]
	e.seq, err = strconv.ParseInt(fields[0], 10, 64)
	return e, err
}

// entries reads an index as far as it can be read. It is a help and proves nothing.
func entries(r io.Reader) (all []entry) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	for in.Scan() {
		if e, err := parseEntry(in.Bytes()); err == nil {
			all = append(all, e)
		}
	}
	return all
}

// A file is a link where it lies, or a manifest that is none.
type file struct {
	path string
	line []byte
	link Link
	err  error // it cannot be read
}

// kind of a link that is no recording; empty for a manifest.
func (f file) kind() string {
	var k struct {
		Kind string `json:"kind"`
	}
	if json.Unmarshal(f.line, &k) != nil {
		return ""
	}
	return k.Kind
}
