package recording

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/google/uuid"

	"hotline/call"
)

// ErrNone says that there is no recording of a call.
var ErrNone = errors.New("there is no recording of it")

// A Seen is what is known of one recording, for those who look at it. Of a call that still runs, or that a crash
// has cut off, it is what its draft says.
type Seen struct {
	Call          call.ID
	Path          string // relative to the data folder
	Line          string
	Language      call.Language
	State         string // StateOpen, StateSealed or StateInterrupted
	Opened, Ended time.Time
	Samples       int64  // per channel
	SHA256        string // of the sound's file, as the manifest says it
	Notice        *call.Notice
	Gaps          []Gap
	Parties       []Party
	Linked        call.ID
	Manifest      []byte // as it lies on disk; nil: not sealed yet
	Peaks         Peaks
}

// Length is how long the sound is.
func (s Seen) Length() time.Duration { return samplesTime(s.Samples) }

// A Gap is a stretch in which a channel was not written.
type Gap struct {
	Channel  call.Channel
	From, To time.Time
	Reason   string
	Why      string // of a pause: the reason that was given
}

// See tells of the recording of a call below dir. Peaks that are missing, or are not the manifest's, are made of
// the sound. Unwrap may be nil where recordings are plain. The error is ErrNone where there is no recording.
func See(dir string, id call.ID, unwrap Unwrap) (Seen, error) {
	root, sh, err := find(dir, id)
	if err != nil {
		return Seen{}, fmt.Errorf("see recording %s: %w", id, err)
	}
	defer root.Close() // only read
	s, err := see(root, sh, unwrap)
	if err != nil {
		return s, fmt.Errorf("see recording %s: %w", id, err)
	}
	return s, nil
}

func see(root *os.Root, sh shelf, unwrap Unwrap) (Seen, error) {
	var m manifest
	s := Seen{Call: sh.call, Path: told(sh.file()), State: StateOpen}
	b, err := root.ReadFile(sh.stem + manifestExt)
	switch {
	case err == nil:
		if m, err = parse(b); err != nil {
			return s, err
		}
		s.Manifest, s.State = b, m.State
	case errors.Is(err, fs.ErrNotExist):
		if b, err := root.ReadFile(sh.stem + draftExt); err == nil {
			m, _ = lastDraft(b)
		}
	default:
		return s, err
	}
	s.Line, s.Language, s.Opened, s.Ended, s.Samples, s.SHA256, s.Linked = m.Line, m.Language, time.Time(m.Opened), time.Time(m.Ended), m.Samples, m.SHA256, m.Linked
	s.Notice = m.Notice.notice()
	for _, p := range m.Parties {
		s.Parties = append(s.Parties, Party{Channel: p.Channel, Role: p.Role, Name: p.Name, From: time.Time(p.From), To: time.Time(p.To)})
	}
	for _, g := range m.Gaps {
		ch := call.Said
		if g.Channel == call.Heard.String() {
			ch = call.Heard
		}
		s.Gaps = append(s.Gaps, Gap{Channel: ch, From: time.Time(g.From), To: time.Time(g.To), Reason: g.Reason, Why: g.Why})
	}
	if s.State != StateOpen {
		var uncover func([]byte) ([]byte, error)
		if m.Cipher != nil {
			uncover = func(b []byte) ([]byte, error) {
				key, err := keyOf(root, sh, unwrap)
				if err != nil {
					return nil, err
				}
				return key.OpenBlob(peaksUse, b)
			}
		}
		if cells, err := loadPeaks(root, sh.stem, m.Peaks, uncover); err == nil && m.Peaks != "" {
			s.Peaks = splitPeaks(cells)
			return s, nil
		}
	}
	return s, s.listen(root, sh, m.Codec, unwrap)
}

// listen makes the peaks of the sound, and of an open recording its length.
func (s *Seen) listen(root *os.Root, sh shelf, codec string, unwrap Unwrap) error {
	if sh.box {
		return s.listenBox(root, sh, unwrap)
	}
	f, err := root.Open(sh.stem + soundExt)
	if err != nil {
		return err
	}
	defer f.Close() // only read
	form, size, err := look(f, codec)
	if err != nil {
		return err
	}
	have := max(0, size-int64(form.headSize())) / int64(form.frame())
	if s.State == StateOpen {
		s.Samples = have
	}
	cells, err := tallySound(f, form, min(s.Samples, have))
	s.Peaks = splitPeaks(cells)
	return err
}

// find is where the files of a call are. The day of the folder is that of the id, in some zone: three days are
// looked at before all are.
func find(dir string, id call.ID) (*os.Root, shelf, error) {
	if !isID(string(id)) {
		return nil, shelf{}, fmt.Errorf("%q is not the id of a call", string(id))
	}
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, shelf{}, ErrNone
	} else if err != nil {
		return nil, shelf{}, err
	}
	for day := -1; day <= 1; day++ {
		st, err := stem(id, madeAt(id).AddDate(0, 0, day), time.UTC)
		if err != nil {
			continue
		}
		sh := shelf{call: id, stem: st}
		for ext, there := range map[string]*bool{
			soundExt: &sh.sound, boxExt: &sh.box, keyExt: &sh.key, manifestExt: &sh.manifest, draftExt: &sh.draft,
		} {
			_, err := root.Stat(st + ext)
			*there = err == nil
		}
		sh.twice = sh.sound && sh.box
		sh.sound = sh.sound || sh.box
		if sh.sound || sh.manifest {
			return root, sh, nil
		}
	}
	shelves, _, err := walk(root)
	for _, sh := range shelves {
		if sh.call == id && (sh.sound || sh.manifest) {
			return root, sh, nil
		}
	}
	if err == nil {
		err = ErrNone
	}
	return nil, shelf{}, errors.Join(err, root.Close())
}

// madeAt is when an id was made, as a UUIDv7 says it (RFC 9562 §5.7).
func madeAt(id call.ID) time.Time {
	u, err := uuid.Parse(string(id))
	if err != nil || u.Version() != 7 {
		return time.Time{}
	}
	var ms int64
	for _, b := range u[:6] {
		ms = ms<<8 | int64(b)
	}
	return time.UnixMilli(ms).UTC()
}

// Silence copies the sound of a call with one channel made silent: the law's own silence, so that the file is as
// long as it was and in the same format. It takes only sound that Recorder has written and that is sealed.
func Silence(dst io.Writer, src io.Reader, quiet call.Channel) error {
	in, out := bufio.NewReaderSize(src, 64<<10), bufio.NewWriterSize(dst, 64<<10)
	head, err := in.Peek(maxHead)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("silence a channel: %w", err)
	}
	form, samples, err := readHead(head)
	if err != nil {
		return fmt.Errorf("silence a channel: %w", err)
	}
	if samples < 0 {
		return errors.New("silence a channel: the recording is not sealed yet")
	}
	if _, err := io.CopyN(out, in, int64(form.headSize())); err != nil {
		return fmt.Errorf("silence a channel: %w", err)
	}
	frame, silent := make([]byte, form.frame()), make([]byte, form.frame())
	form.quiet(silent)
	from, to := int(quiet&1)*form.sample(), (int(quiet&1)+1)*form.sample()
	for range samples {
		if _, err := io.ReadFull(in, frame); err != nil {
			return fmt.Errorf("silence a channel: the sound ends before its header says so: %w", err)
		}
		copy(frame[from:to], silent[from:to])
		if _, err := out.Write(frame); err != nil {
			return fmt.Errorf("silence a channel: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("silence a channel: %w", err)
	}
	return nil
}
