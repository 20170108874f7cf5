package recording

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"hotline/call"
	"hotline/recording/vault"
)

// Unwrap opens the content of a CALL.key: Keyring.Unwrap does, and so may a recovery identity.
type Unwrap func(sealed []byte) (vault.Secret, error)

// A Sound is the sound of a recording as a plain WAV, to be read from anywhere. Where it is
// encrypted it is decrypted while it is read.
type Sound struct {
	Reader
	Size     int64 // of the WAV in bytes
	Duration time.Duration

	// Vault is what an encrypted recording shows of itself, also whether it was cut or damaged; nil:
	// it is plain. Lost are the stretches, in samples, that a damage took: reading them fails
	// with a vault.Lost, unless Mend was called.
	Vault *vault.Survey
	Lost  []vault.Lost

	mend  func()
	close func() error
}

// A Reader reads a file from anywhere.
type Reader interface {
	io.ReadSeeker
	io.ReaderAt
}

// Close lets go of the file.
func (s *Sound) Close() error { return s.close() }

// Mend makes what a damage took read as silence. Who does so is to tell of it: see Lost.
func (s *Sound) Mend() {
	if s.mend != nil {
		s.mend()
	}
}

// LostTime is how much of the sound a damage took.
func (s *Sound) LostTime() time.Duration {
	var n int64
	for _, l := range s.Lost {
		n += l.To - l.From
	}
	return samplesTime(n)
}

// OpenSound opens the sound of a call below dir. One that still grows is what it is at this moment. Unwrap may be
// nil where all recordings are plain. The error is ErrNone where there is no recording, and fs.ErrNotExist where an
// encrypted one has no key any more: then it was erased.
func OpenSound(dir string, id call.ID, unwrap Unwrap) (*Sound, error) {
	root, sh, err := find(dir, id)
	if err != nil {
		return nil, fmt.Errorf("open the sound of %s: %w", id, err)
	}
	defer root.Close() // files that are open stay so
	s, err := openStem(root, sh.stem, unwrap)
	if err != nil && !sh.sound && errors.Is(err, fs.ErrNotExist) {
		err = ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("open the sound of %s: %w", id, err)
	}
	return s, nil
}

// OpenPath does the same by the path of a recording, which is relative to the data folder and may end in .wav or
// .rec, whichever is there. The error is fs.ErrNotExist where there is no sound, or no key of it.
func OpenPath(dir, told string, unwrap Unwrap) (*Sound, error) {
	stem, err := stemTold(told)
	if err != nil {
		return nil, fmt.Errorf("open sound %q: %w", told, err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open sound %s: %w", told, err)
	}
	defer root.Close() // files that are open stay so
	s, err := openStem(root, stem, unwrap)
	if err != nil {
		return nil, fmt.Errorf("open sound %s: %w", told, err)
	}
	return s, nil
}

func openStem(root *os.Root, stem string, unwrap Unwrap) (*Sound, error) {
	f, err := root.Open(stem + soundExt)
	if errors.Is(err, fs.ErrNotExist) {
		return openBox(root, stem, unwrap)
	} else if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s := &Sound{Reader: f, Size: st.Size(), close: f.Close}
	if form, size, err := look(f, ""); err == nil {
		s.Duration = samplesTime(max(0, size-int64(form.headSize())) / int64(form.frame()))
	}
	return s, nil
}

// keyOf opens the key of an encrypted recording.
func keyOf(root *os.Root, sh shelf, unwrap Unwrap) (vault.Key, error) {
	sealed, err := root.ReadFile(sh.stem + keyExt)
	if err != nil {
		return vault.Key{}, fmt.Errorf("the key: %w", err)
	}
	return unwrapped(sealed, sh.call, unwrap)
}

// unwrapped opens a sealed key, which is to be that of a call.
func unwrapped(sealed []byte, id call.ID, unwrap Unwrap) (vault.Key, error) {
	if unwrap == nil {
		return vault.Key{}, errors.New("it is encrypted and no keys are at hand; recording.keys names their folder")
	}
	secret, err := unwrap(sealed)
	if err != nil {
		return vault.Key{}, err
	}
	if secret.Call != id {
		return vault.Key{}, fmt.Errorf("the key is that of call %s", secret.Call)
	}
	return secret.Key, nil
}

// listenBox makes the peaks of an encrypted sound, with silence where a damage took it.
func (s *Seen) listenBox(root *os.Root, sh shelf, unwrap Unwrap) error {
	sound, err := openBox(root, sh.stem, unwrap)
	if err != nil {
		return err
	}
	defer sound.Close() // only read
	sound.Mend()
	if sound.Vault == nil {
		return nil // there is none yet
	}
	have := sound.Vault.Samples
	if s.State == StateOpen {
		s.Samples = have
	}
	cells, err := tallySound(sound, format{codec: sound.Vault.Header.Codec}, min(s.Samples, have))
	s.Peaks = splitPeaks(cells)
	return err
}

// stemTold is the stem of a path as it is told to others.
func stemTold(told string) (string, error) {
	rel, ours := strings.CutPrefix(told, folder+"/")
	stem := strings.TrimSuffix(rel, path.Ext(rel))
	ext := path.Ext(rel)
	if !ours || !isID(path.Base(stem)) || strings.Count(stem, "/") != 3 || ext != soundExt && ext != boxExt {
		return "", fmt.Errorf("it is not the path of a recording; one is like %s/2026/03/02/ID%s", folder, soundExt)
	}
	return stem, nil
}

func openBox(root *os.Root, stem string, unwrap Unwrap) (*Sound, error) {
	f, err := root.Open(stem + boxExt)
	if err != nil {
		return nil, err
	}
	sealed, err := root.ReadFile(stem + keyExt)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("the key: %w", err), f.Close())
	}
	st, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s, err := Decrypt(f, st.Size(), call.ID(path.Base(stem)), sealed, unwrap)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s.close = f.Close
	return s, nil
}

// Decrypt gives the plain WAV of an encrypted recording of a call, wherever its file of size bytes and its
// sealed key come from. Closing it does nothing.
func Decrypt(r io.ReaderAt, size int64, id call.ID, sealed []byte, unwrap Unwrap) (*Sound, error) {
	key, err := unwrapped(sealed, id, unwrap)
	if err != nil {
		return nil, err
	}
	if size == 0 { // begun an instant before the process died
		head := format{codec: codecPCM16}.head(0)
		return &Sound{Reader: bytes.NewReader(head), Size: int64(len(head)), close: func() error { return nil }}, nil
	}
	d, err := vault.Open(r, size, key)
	if err != nil {
		return nil, err
	}
	form := formOf(d.Header)
	if d.Header.Call != id || !knownCodec(form.codec) || d.Header.Frame != form.frame() || d.Header.Rate != call.ClockRate {
		return nil, fmt.Errorf("the sound is of call %s in %s with %d bytes a sample at %d Hz", d.Header.Call, d.Header.Codec, d.Header.Frame, d.Header.Rate)
	}
	img := d.Image(form.head(d.Samples))
	quiet := make([]byte, form.frame())
	form.quiet(quiet)
	return &Sound{
		Reader: img, Size: img.Size(), Duration: samplesTime(d.Samples), Vault: &d.Survey, Lost: d.Lost,
		mend: func() { img.Mend(quiet) }, close: func() error { return nil },
	}, nil
}

// formOf is how the file that stands for a plain WAV holds its samples: those of a message have one channel.
func formOf(h vault.Header) format {
	return format{codec: h.Codec, mono: h.Codec == codecPCM16 && h.Frame == monoPCM.frame()}
}
