package chain

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// A paper is a manifest as far as a chain knows it.
type paper struct {
	Version int    `json:"version"`
	Call    string `json:"call"`
	SHA256  string `json:"sha256"`
	Link
}

// A cabinet is a folder of recordings with a chain.
type cabinet struct {
	*Chain
	t    testing.TB
	dir  string
	root *os.Root
	keys string
}

func newCabinet(t testing.TB) *cabinet {
	t.Helper()
	c := &cabinet{t: t, dir: t.TempDir(), keys: t.TempDir()}
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		t.Fatal(err)
	}
	c.root = root
	t.Cleanup(func() { root.Close() })
	return c
}

// open opens the chain, as a start does.
func (c *cabinet) open() *cabinet {
	c.t.Helper()
	k, err := LoadKey(c.keys)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.Chain, err = Open(c.root, k, "node-1"); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { c.Chain.Close() })
	return c
}

// name is where the manifest of a new call goes.
func (c *cabinet) name(day int) string {
	name := fmt.Sprintf("2026/03/%02d/%s.json", day, uuid.Must(uuid.NewV7()))
	if err := c.root.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		c.t.Fatal(err)
	}
	return name
}

func (c *cabinet) add(name string) error {
	p := paper{Version: 1, Call: strings.TrimSuffix(filepath.Base(name), ".json"), SHA256: strings.Repeat("5", 64)}
	return c.Add(name, &p, &p.Link)
}

// fill adds n recordings.
func (c *cabinet) fill(n int) (names []string) {
	c.t.Helper()
	for i := range n {
		names = append(names, c.name(1+i%28))
		if err := c.add(names[i]); err != nil {
			c.t.Fatal(err)
		}
	}
	return names
}

// verify walks the chain.
func (c *cabinet) verify(o Options) Found {
	c.t.Helper()
	found, err := Verify(c.root, o)
	if err != nil {
		c.t.Fatal(err)
	}
	return found
}

func (c *cabinet) good(links int) {
	c.t.Helper()
	if found := c.verify(Options{}); len(found.Faults) > 0 || found.Links != links {
		c.t.Errorf("%d links are good, not %d; faults: %v", found.Links, links, found.Faults)
	}
}

func TestAChainIsGood(t *testing.T) {
	c := newCabinet(t)
	old := c.name(1)
	if err := os.WriteFile(filepath.Join(c.dir, old), []byte(`{"version":1,"digest":"`+strings.Repeat("a", 64)+"\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	names := c.open().fill(5)
	if _, err := c.Erase("due", "retention", []Gone{{Call: "x", Path: "2026/03/01/x.wav"}}); err != nil {
		t.Fatal(err)
	}
	c.good(7)
	found := c.verify(Options{Keys: []ed25519.PublicKey{c.key.Public()}})
	if !found.Linked[old] || !found.Linked[names[4]] || !found.Erased["2026/03/01/x"] || !slices.Equal(found.Signers, []string{c.key.ID()}) {
		t.Errorf("found is %+v", found)
	}
	c.open().fill(1) // another start
	c.good(8)
	other, err := LoadKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if found := c.verify(Options{Keys: []ed25519.PublicKey{other.Public()}}); len(found.Faults) != 9 {
		t.Errorf("a stranger's key finds %v", found.Faults)
	}
}

// A node gets another key: its chain begins, and says how far the one before had come.
func TestAnotherKey(t *testing.T) {
	c := newCabinet(t)
	c.open().fill(3)
	first := c.key.ID()
	c.keys = t.TempDir()
	c.open().fill(2)
	c.good(7)
	if found := c.verify(Options{Keys: []ed25519.PublicKey{c.key.Public()}}); len(found.Faults) > 0 {
		t.Errorf("the newer key does not vouch for the older: %v", found.Faults)
	}
	if err := os.RemoveAll(filepath.Join(c.dir, folder, first)); err != nil {
		t.Fatal(err)
	}
	if found := c.verify(Options{}); len(found.Faults) == 0 {
		t.Error("a chain whose folder is gone is good")
	}
}

// TestHeadsShowWhatWasCutOff: the newest links and the index that names them are gone, or were made anew.
func TestHeadsShowWhatWasCutOff(t *testing.T) {
	c := newCabinet(t)
	names := c.open().fill(6)
	_, line, err := c.Head("node-1")
	if err != nil {
		t.Fatal(err)
	}
	h, err := ParseHead(line, c.key.Public())
	if err != nil {
		t.Fatal(err)
	}
	heads := Options{Heads: []Head{h}}
	if found := c.verify(heads); len(found.Faults) > 0 {
		t.Fatalf("faults: %v", found.Faults)
	}
	for _, n := range names[3:] {
		if err := os.Remove(filepath.Join(c.dir, n)); err != nil {
			t.Fatal(err)
		}
	}
	index := filepath.Join(c.dir, c.dir2(), indexFile)
	b, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(b, []byte("\n"))
	if err := os.WriteFile(index, bytes.Join(lines[:4], nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if found := c.verify(Options{}); len(found.Faults) > 0 {
		t.Errorf("without a head: %v", found.Faults)
	}
	if found := c.verify(heads); len(found.Faults) != 1 || found.Faults[0].Seq != 7 {
		t.Errorf("with a head: %v", found.Faults)
	}
	c.open().fill(3) // the rollback is gone on with
	if found := c.verify(heads); len(found.Faults) != 1 || found.Faults[0].Seq != 7 || !strings.Contains(found.Faults[0].Problem, "made anew") {
		t.Errorf("a chain that was made anew: %v", found.Faults)
	}
	for i := range line {
		bad := bytes.Clone(line)
		bad[i] ^= 1
		if _, err := ParseHead(bad, c.key.Public()); err == nil && i < len(line)-1 {
			t.Fatalf("a head altered at byte %d is good", i)
		}
	}
}

func (c *cabinet) dir2() string { return c.Chain.dir }

// TestADeathAtEveryStep: the process dies at each step of adding a link; the next start goes on with a good chain.
func TestADeathAtEveryStep(t *testing.T) {
	for _, kind := range []string{"recording", "erased"} {
		for _, step := range []string{"prepare", "rename", "sync folder", "index"} {
			for _, lost := range []bool{false, true} { // the index, too
				c := newCabinet(t)
				c.open().fill(3)
				name := c.name(9)
				c.step = func(s string) {
					if s == step {
						panic("dies")
					}
				}
				func() {
					defer func() { _ = recover() }()
					if kind == "recording" {
						_ = c.add(name)
					} else {
						_, _ = c.Erase("due", "retention", nil)
					}
				}()
				if lost {
					if err := os.Remove(filepath.Join(c.dir, c.Chain.dir, indexFile)); err != nil {
						t.Fatal(err)
					}
				}
				c.open()
				links := 4
				if _, err := c.root.Stat(name); err == nil {
					if err := c.Settle(name); err != nil {
						t.Fatal(err)
					}
					links = 5
				} else if kind == "erased" && step != "prepare" && step != "rename" {
					links = 5
				}
				c.fill(2)
				c.good(links + 2)
			}
		}
	}
}

// Several links that the index could not take, because the disk was full, are found again in their order.
func TestWhatTheIndexCouldNotTake(t *testing.T) {
	c := newCabinet(t)
	c.open().fill(2)
	good := c.index
	bad, err := os.Open(filepath.Join(c.dir, c.Chain.dir, indexFile)) // only for reading: it takes nothing
	if err != nil {
		t.Fatal(err)
	}
	c.index = bad
	names := []string{c.name(3), c.name(2)}
	for _, n := range names {
		if err := c.add(n); err == nil {
			t.Error("nobody says that the index took nothing")
		}
	}
	c.index = good
	c.open()
	slices.Reverse(names)
	if err := c.Settle(names...); err != nil {
		t.Fatal(err)
	}
	c.fill(1)
	c.good(6)
}

// An attack is something done to the files of a chain; it tells at which link it must be found: 0 for no link of
// the chain.
type attack func(r *rand.Rand, files map[string][]byte, links []string) (where int64)

// attacks work on links: paths by number, from the first on.
var attacks = map[string]attack{
	"altered": func(r *rand.Rand, files map[string][]byte, links []string) int64 {
		i := r.IntN(len(links))
		b := bytes.Clone(files[links[i]])
		at := r.IntN(len(b) - 1)
		b[at] ^= byte(1 << r.IntN(8))
		files[links[i]] = b
		return int64(i + 1)
	},
	"dropped": func(r *rand.Rand, files map[string][]byte, links []string) int64 {
		i := r.IntN(len(links))
		delete(files, links[i])
		return int64(i + 1)
	},
	"swapped": func(r *rand.Rand, files map[string][]byte, links []string) int64 {
		i, j := r.IntN(len(links)), r.IntN(len(links))
		for i == j {
			j = r.IntN(len(links))
		}
		files[links[i]], files[links[j]] = files[links[j]], files[links[i]]
		return int64(min(i, j) + 1)
	},
	"put in": func(r *rand.Rand, files map[string][]byte, links []string) int64 {
		i := r.IntN(len(links))
		files[filepath.Join(filepath.Dir(links[i]), uuid.Must(uuid.NewV7()).String()+".json")] = files[links[i]]
		return int64(i + 1)
	},
	"cut": func(r *rand.Rand, files map[string][]byte, links []string) int64 {
		i := r.IntN(len(links))
		files[links[i]] = files[links[i]][:r.IntN(len(files[links[i]])-1)]
		return int64(i + 1)
	},
	"rolled back": func(r *rand.Rand, files map[string][]byte, links []string) int64 {
		i := 1 + r.IntN(len(links)-1)
		for _, l := range links[i:] {
			delete(files, l)
		}
		return int64(i + 1)
	},
}

// TestAttacksAreFound: random alterations, drops, swaps, insertions and rollbacks, each of which is to be found, at
// the right link: 10,000 over a chain of 1,000 in the nightly run.
func TestAttacksAreFound(t *testing.T) {
	rounds, length := 1000, 100
	if os.Getenv("HOTLINE_NIGHTLY") != "" {
		rounds, length = 10_000, 1000
	}
	c := newCabinet(t)
	c.open().fill(length - 1)
	whole := c.files()
	indexes := readIndexes(c.root)
	var links []string
	for _, e := range indexes[c.key.ID()] {
		links = append(links, e.path)
	}
	_, line, err := c.Head("node-1")
	if err != nil {
		t.Fatal(err)
	}
	h, err := ParseHead(line)
	if err != nil {
		t.Fatal(err)
	}
	check := newChecker([]ed25519.PublicKey{c.key.Public()})
	known := map[[32]byte]bool{} // signatures that were found good: there are many more rounds than links
	check.verify = func(public ed25519.PublicKey, body, signature []byte) bool {
		sum := sha256.Sum256(slices.Concat(signature, body))
		if !known[sum] {
			known[sum] = ed25519.Verify(public, body, signature)
		}
		return known[sum]
	}
	if found := walk(asFiles(whole), indexes, check, Options{Heads: []Head{h}}); len(found.Faults) > 0 {
		t.Fatal(found.Faults)
	}
	names := slices.Sorted(maps.Keys(attacks))
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	for i := range rounds {
		name := names[i%len(names)]
		files := maps.Clone(whole)
		where := attacks[name](r, files, links)
		found := walk(asFiles(files), indexes, check, Options{Heads: []Head{h}})
		first := int64(length + 1)
		for _, f := range found.Faults {
			if f.Seq > 0 {
				first = min(first, f.Seq)
			}
		}
		if first != where {
			t.Fatalf("%s at link %d of %d: found at %d: %v", name, where, length, first, found.Faults)
		}
		if name == "rolled back" { // and without the index
			found := walk(asFiles(files), nil, check, Options{Heads: []Head{h}})
			if len(found.Faults) == 0 {
				t.Fatalf("a rollback to %d links is not found by the head alone", where-1)
			}
		}
	}
	t.Logf("%d attacks over a chain of %d links", rounds, length)
}

// files are all links and manifests.
func (c *cabinet) files() map[string][]byte {
	c.t.Helper()
	all, err := scan(c.root)
	if err != nil {
		c.t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, f := range all {
		files[f.path] = f.line
	}
	return files
}

// asFiles is what scan would have read.
func asFiles(files map[string][]byte) (all []file) {
	for _, p := range slices.Sorted(maps.Keys(files)) {
		f := file{path: p, line: files[p]}
		if _, l, err := split(f.line); err == nil {
			f.link = l
		}
		all = append(all, f)
	}
	return all
}

// TestTheScriptFindsTheSame: a verifier that shares no code with ours, made of openssl and sha256sum.
func TestTheScriptFindsTheSame(t *testing.T) {
	rounds, length := 6, 30
	if os.Getenv("HOTLINE_NIGHTLY") != "" {
		rounds, length = 120, 1000
	}
	c := newCabinet(t)
	c.open().fill(length - 1)
	public := filepath.Join(c.t.TempDir(), "node.pem")
	if err := os.WriteFile(public, c.key.PublicPEM(), 0o600); err != nil {
		t.Fatal(err)
	}
	_, head, err := c.Head("node-1")
	if err != nil {
		t.Fatal(err)
	}
	headFile := filepath.Join(filepath.Dir(public), "head.json")
	if err := os.WriteFile(headFile, head, 0o600); err != nil {
		t.Fatal(err)
	}
	script := func() (string, error) {
		out, err := exec.CommandContext(t.Context(), "../../scripts/verify-chain.sh", c.dir, public, headFile).CombinedOutput()
		return string(out), err
	}
	if out, err := script(); err != nil {
		t.Fatalf("a good chain: %v\n%s", err, out)
	}
	whole := c.files()
	var links []string
	for _, e := range readIndexes(c.root)[c.key.ID()] {
		links = append(links, e.path)
	}
	names := slices.Sorted(maps.Keys(attacks))
	r := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 2))
	for i := range rounds {
		name := names[i%len(names)]
		files := maps.Clone(whole)
		where := attacks[name](r, files, links)
		c.become(files)
		out, err := script()
		if err == nil || !strings.Contains(out, fmt.Sprintf("link %d:", where)) {
			t.Errorf("%s at link %d: %v\n%s", name, where, err, out)
		}
		c.become(whole)
	}
}

// become makes the files on the disk what they are said to be.
func (c *cabinet) become(files map[string][]byte) {
	c.t.Helper()
	for p := range c.files() {
		if _, stays := files[p]; !stays {
			if err := c.root.Remove(p); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	for p, b := range files {
		if err := c.root.WriteFile(p, b, 0o600); err != nil {
			c.t.Fatal(err)
		}
	}
}

// A note is an entry of a log.
type note struct {
	Say string `json:"say"`
	Link
}

func TestLog(t *testing.T) {
	k, err := LoadKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "access", "access.jsonl")
	for i := range 3 { // three starts
		l, err := OpenLog(path, k)
		if err != nil {
			t.Fatal(err)
		}
		for j := range 4 {
			n := note{Say: fmt.Sprint(i, j)}
			if err := l.Append(&n, &n.Link); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(`{"say":"half a li`); err != nil { // its writer died
			t.Fatal(err)
		}
		f.Close()
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := VerifyLog(bytes.NewReader(b), k.Public()); n != 12 || err != nil {
		t.Fatalf("%d lines are good, %v", n, err)
	}
	lines := bytes.SplitAfter(b, []byte("\n"))[:12]
	for i := range lines {
		for name, bad := range map[string][][]byte{
			"altered": slices.Concat(lines[:i], [][]byte{bytes.Replace(lines[i], []byte("say"), []byte("sax"), 1)}, lines[i+1:]),
			"twice":   slices.Concat(lines[:i+1], lines[i:]),
			"dropped": slices.Concat(lines[:i], lines[i+1:]),
		} {
			want := i
			if name == "twice" {
				want = i + 1
			}
			n, err := VerifyLog(bytes.NewReader(bytes.Join(bad, nil)), k.Public())
			if last := name == "dropped" && i == 11; (err == nil) != last || n != want {
				t.Errorf("%s line %d: %d are good, %v", name, i, n, err)
			}
		}
	}
}

// A log that cannot be written says so, and goes on where it stood when it can.
func TestLogThatCannotBeWritten(t *testing.T) {
	k, err := LoadKey(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "access.jsonl")
	l, err := OpenLog(path, k)
	if err != nil {
		t.Fatal(err)
	}
	add := func() error { n := note{Say: "x"}; return l.Append(&n, &n.Link) }
	if err := add(); err != nil {
		t.Fatal(err)
	}
	good := l.file
	if l.file, err = os.Open(path); err != nil {
		t.Fatal(err)
	}
	if add() == nil || add() == nil {
		t.Error("a log that takes nothing takes an entry")
	}
	l.file = good
	if err := add(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := VerifyLog(bytes.NewReader(b), k.Public()); n != 2 || err != nil {
		t.Errorf("%d lines are good, %v", n, err)
	}
}

func TestKeysOfOthersAreRefused(t *testing.T) {
	dir := t.TempDir()
	k, err := LoadKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	again, err := LoadKey(dir)
	if err != nil || again.ID() != k.ID() {
		t.Errorf("the key is another the second time: %v", err)
	}
	sum := sha256.Sum256(k.Public())
	if k.ID() != hex.EncodeToString(sum[:])[:16] {
		t.Error("the key's id is not what the docs say")
	}
	path := filepath.Join(dir, keyFile)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKey(dir); err == nil {
		t.Error("a key that everybody can read is taken")
	}
	if err := os.WriteFile(filepath.Join(t.TempDir(), keyFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "x", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, keyFile), []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := LoadKey(dir); err == nil {
			t.Errorf("a key of %q is taken", bad)
		}
	}
}
