package recording

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording/durable"
	"hotline/recording/vault"
)

// The sound of an encrypted recording and its sealed key lie beside its manifest.
const (
	boxExt = vault.SoundExt
	keyExt = vault.KeyExt
)

// peaksUse is what the peaks of an encrypted recording are sealed for: vault.Key.SealBlob.
const peaksUse = "peaks"

// A cipherLine is what the manifest says of an encrypted recording; a plain one has none.
type cipherLine struct {
	AEAD   string `json:"aead"`
	Frames int64  `json:"frames"` // of sound; 0 in a draft
	Key    string `json:"key"`    // which key it is: vault.Key.ID
}

// A box is what makes a recording an encrypted one.
type box struct {
	*vault.Writer
	sealed []byte // the content of CALL.key
	epoch  string // for which it is sealed

	file   atomic.Pointer[os.File] // CALL.key, set by the writer
	whole  bool                    // it has its content; the writer's own
	onDisk atomic.Bool

	syncing sync.Mutex
	doubted bool // a sync has failed: the file is not believed any more
}

// encrypt makes the key of a recording and seals it, where recordings are encrypted. It waits for no disk.
func (g *Recording) encrypt() error {
	if g.r.o.Vault == nil {
		return nil
	}
	w, err := g.writer.window.format.encrypted(g.meta.Call)
	if err != nil {
		return err
	}
	w.Share(&g.r.frames)
	g.box = &box{Writer: w}
	g.cover = func(b []byte) ([]byte, error) { return w.Key().SealBlob(peaksUse, b) }
	g.about.Cipher = g.box.line()
	return g.box.wrap(g.r.o.Vault, g.meta.Call)
}

func (b *box) wrap(ring *vault.Keyring, id call.ID) (err error) {
	b.sealed, b.epoch, err = ring.Wrap(id, b.Key())
	return err
}

// line is what the manifest says.
func (b *box) line() *cipherLine {
	return &cipherLine{AEAD: vault.AEAD, Frames: b.Frames(), Key: b.Key().ID()}
}

// encrypted makes what encrypts a file of this format, under a key of its own.
func (f format) encrypted(id call.ID) (*vault.Writer, error) {
	return vault.NewWriter(vault.Format{Call: id, Codec: f.codec, Rate: call.ClockRate, Frame: f.frame(), Head: int64(f.headSize())})
}

// ext is the ending of a recording's sound.
func (g *Recording) ext() string {
	if g.box != nil {
		return boxExt
	}
	return soundExt
}

// onto is where the sound goes on its way into a file.
func (g *Recording) onto(file io.WriterAt) io.WriterAt {
	if g.box == nil {
		return file
	}
	g.box.Onto(file)
	return g.box
}

// createKey leaves the key beside where the sound will be. The sound is not begun before.
func (r *Recorder) createKey(g *Recording) error {
	b := g.box
	if b.whole {
		return nil
	}
	if b.epoch != r.o.Vault.Current() { // the disk has refused it until now
		if err := b.wrap(r.o.Vault, g.meta.Call); err != nil {
			return err
		}
	}
	f := b.file.Load()
	if f == nil {
		var err error
		if f, err = openIn(g.root(), g.folders(), path.Dir(g.stem), g.stem+keyExt, os.O_CREATE|os.O_EXCL|os.O_WRONLY); err != nil {
			return err
		}
		b.file.Store(f)
	}
	if _, err := r.onto(f).WriteAt(b.sealed, 0); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if err := f.Truncate(int64(len(b.sealed))); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	b.whole = true
	return nil
}

// syncKey puts the key on the disk: before the first of the sound, which would be worth nothing
// without it.
func (r *Recorder) syncKey(g *Recording) error {
	b := g.box
	if b == nil || b.onDisk.Load() {
		return nil
	}
	b.syncing.Lock()
	defer b.syncing.Unlock()
	f := b.file.Load()
	if f == nil || b.onDisk.Load() {
		return nil
	}
	if b.doubted {
		if err := r.renewKey(g); err != nil {
			return err
		}
	} else if err := r.datasync(f); err != nil {
		b.doubted = true
		return err
	}
	if err := durable.SyncFolder(g.root(), path.Dir(g.stem)); err != nil {
		return err
	}
	b.onDisk.Store(true)
	return nil
}

// renewKey writes a key into another file after a sync that failed, as renew does with the sound.
func (r *Recorder) renewKey(g *Recording) error {
	b := g.box
	if err := b.wrap(r.o.Vault, g.meta.Call); err != nil { // it may have been sealed for another epoch meanwhile
		return err
	}
	name := g.stem + keyExt
	root := g.root()
	f, err := root.OpenFile(name+tempExt, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fileMode)
	if err != nil {
		return fmt.Errorf("key: %w", err)
	}
	if _, err = r.onto(f).WriteAt(b.sealed, 0); err == nil {
		err = r.datasync(f)
	}
	if err == nil {
		err = root.Rename(name+tempExt, name)
	}
	if err != nil {
		return fmt.Errorf("key: %w", errors.Join(err, f.Close(), root.Remove(name+tempExt)))
	}
	b.doubted = false
	return b.file.Swap(f).Close()
}

// trueEnd ends the file with what was written, so that it says itself that this is all.
func (g *Recording) trueEnd(f *os.File) error {
	w := g.writer.window
	if g.box == nil {
		return trueSizes(f, w.format, w.written)
	}
	if n := g.box.Samples(); n != w.written {
		return fmt.Errorf("the file has %d samples, %d were written", n, w.written)
	}
	if err := g.box.Finish(); err != nil {
		return err
	}
	if err := f.Truncate(g.box.Size()); err != nil {
		return fmt.Errorf("true sizes: %w", err)
	}
	return nil
}

// watchKeys is the goroutine that looks for a new epoch. It may hang with the medium of the
// epochs: what is recorded meanwhile is sealed for the epoch before, which opens it still.
func (r *Recorder) watchKeys() {
	tick := time.NewTicker(vault.RefreshEvery / 2)
	defer tick.Stop()
	told := false
	for {
		select {
		case <-tick.C:
		case <-r.quit:
			return
		}
		err := r.o.Vault.Refresh()
		if err != nil && !told {
			r.log.Error("the epochs of the keys cannot be read; keys are sealed for the last one that was", zap.Error(err))
		}
		told = err != nil
	}
}

// measureBox is measure for an encrypted file. It needs no key.
func (p *patient) measureBox(f *os.File) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	s, err := vault.Scan(f, st.Size())
	if errors.Is(err, vault.ErrHeader) && st.Size() < smallestBox && knownCodec(p.about.Codec) {
		// Made an instant before the process died: there is no sound in it.
		p.form, p.about.Cipher = format{codec: p.about.Codec}, &cipherLine{AEAD: vault.AEAD}
		return f.Truncate(0)
	}
	if err != nil {
		return err
	}
	p.form = format{codec: s.Header.Codec}
	p.about.Cipher = &cipherLine{AEAD: s.Header.AEAD, Frames: s.Frames, Key: s.Header.Key}
	p.Samples = s.Samples
	p.about.confessTorn(s)
	if s.End < st.Size() {
		return f.Truncate(s.End)
	}
	return nil
}

// confessTorn says in a manifest what of an encrypted recording is damaged, and which stretches are lost.
func (m *manifest) confessTorn(s vault.Survey) {
	if s.State == vault.Damaged {
		m.Faults = append(m.Faults, faultTorn)
	}
	opened := time.Time(m.Opened)
	if opened.IsZero() {
		return
	}
	for _, l := range s.Lost {
		for _, ch := range []call.Channel{call.Said, call.Heard} {
			m.Gaps = append(m.Gaps, gapLine{
				Channel: ch.String(), From: stamp(opened.Add(samplesTime(l.From))), To: stamp(opened.Add(samplesTime(l.To))), Reason: faultTorn,
			})
		}
	}
}

// smallestBox is less than a header and a frame have.
const smallestBox = 256

func knownCodec(c string) bool { return c == codecPCM16 || c == codecALaw || c == codecULaw }

// compareBox holds an encrypted sound against its manifest, as far as that goes without the key.
func compareBox(root *os.Root, sh shelf, m manifest) (problems []string) {
	if !sh.key {
		problems = append(problems, "the key is missing: nobody can open the sound; look for "+path.Base(sh.stem)+keyExt+" in a backup")
	}
	if m.Cipher == nil {
		return append(problems, "the sound is encrypted, the manifest says nothing of it")
	}
	f, err := root.Open(sh.file())
	if err != nil {
		return append(problems, "the sound cannot be read: "+err.Error())
	}
	defer f.Close() // only read
	st, err := f.Stat()
	if err != nil {
		return append(problems, "the sound cannot be read: "+err.Error())
	}
	before := len(problems)
	if st.Size() > 0 || m.Samples > 0 {
		s, err := vault.Scan(f, st.Size())
		switch {
		case err != nil:
			problems = append(problems, err.Error())
		case s.State == vault.Damaged && !slices.Contains(m.Faults, faultTorn):
			problems = append(problems, "the sound is damaged: "+s.Damages[0].Error())
		case s.Header.Call != m.Call || s.Header.Key != m.Cipher.Key || s.Header.Codec != m.Codec:
			problems = append(problems, fmt.Sprintf("the sound is of call %s, key %s, codec %s; the manifest says %s, %s, %s",
				s.Header.Call, s.Header.Key, s.Header.Codec, m.Call, m.Cipher.Key, m.Codec))
		case s.Samples != m.Samples || s.Frames != m.Cipher.Frames:
			problems = append(problems, fmt.Sprintf("the file holds %d samples in %d frames, the manifest says %d in %d",
				s.Samples, s.Frames, m.Samples, m.Cipher.Frames))
		case m.State == StateSealed && !s.Final:
			problems = append(problems, "the sound was cut: its final frame is missing")
		}
	}
	if len(problems) > before {
		return problems
	}
	return append(problems, compareHash(root, sh, f, m)...)
}

// openedBox is what is wrong with an encrypted sound that only its key shows: whether that opens it, and
// each frame in its place.
func openedBox(root *os.Root, sh shelf, unwrap Unwrap) []string {
	s, err := openBox(root, sh.stem, unwrap)
	if err != nil {
		return []string{"it cannot be opened: " + err.Error()}
	}
	defer s.Close() // only read
	if s.Vault != nil && s.Vault.State == vault.Damaged && !confessed(root, sh) {
		return []string{"the sound is damaged: " + s.Vault.Damages[0].Error()}
	}
	return nil
}

// confessed says that a manifest tells of the damage.
func confessed(root *os.Root, sh shelf) bool {
	b, err := root.ReadFile(sh.stem + manifestExt)
	if err != nil {
		return false
	}
	m, err := parse(b)
	return err == nil && slices.Contains(m.Faults, faultTorn)
}

// durationOfBox is how long an encrypted sound is by what stands at its end.
func durationOfBox(f *os.File) time.Duration {
	st, err := f.Stat()
	if err != nil {
		return 0
	}
	n, err := vault.Reach(f, st.Size())
	if err != nil {
		return 0
	}
	return samplesTime(n)
}

// removeKey takes away the key of a recording whose sound never came to be.
func removeKey(root *os.Root, stem string) error {
	if err := root.Remove(stem + keyExt); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// encryptMono encrypts the WAV of a message as a whole, under a key of its own.
func encryptMono(ring *vault.Keyring, id call.ID, wav []byte) (sound, key []byte, err error) {
	w, err := monoPCM.encrypted(id)
	if err != nil {
		return nil, nil, err
	}
	if key, _, err = ring.Wrap(id, w.Key()); err != nil {
		return nil, nil, err
	}
	file := new(sheet)
	w.Onto(file)
	if _, err := w.WriteAt(wav, 0); err != nil {
		return nil, nil, err
	}
	err = w.Finish()
	return *file, key, err
}

// A sheet is a file in memory.
type sheet []byte

// WriteAt implements io.WriterAt.
func (s *sheet) WriteAt(p []byte, off int64) (int, error) {
	if n := int(off) + len(p); n > len(*s) {
		*s = append(*s, make([]byte, n-len(*s))...)
	}
	return copy((*s)[off:], p), nil
}
