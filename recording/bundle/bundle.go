package bundle

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"hotline/call"
	"hotline/recording"
	"hotline/recording/chain"
	"hotline/recording/picture"
)

// The sides that may be silenced in a copy.
const (
	Whole    = ""
	Operator = "operator" // what the caller hears: the operator, and with them announcements and music
	Caller   = "caller"   // what the caller says
)

// A Copy is what a bundle is made of.
type Copy struct {
	Request  string          // its number
	Made     time.Time       // to the second
	Picture  picture.Picture // of the recording: peaks, spans, marks
	Manifest []byte          // as it lies beside the recording
	Sound    io.ReadSeeker   // the sound as a WAV of two channels; read twice

	// SHA256 is that of the whole sound as the manifest has it, in hex. Where the manifest's is that of an encrypted
	// file it is empty, and the sound is not held against it.
	SHA256 string

	Silence string // Whole, Operator or Caller
}

// ErrChanged says that the sound is not the one that the manifest names.
var ErrChanged = errors.New("the sound is not the one that its manifest names: hotline recording verify says more; no copy is made")

// The names of a bundle's files that are always the same.
const (
	sumsFile  = "SHA256SUMS"
	signFile  = "SHA256SUMS.sig"
	keyFile   = "node.pub.pem"
	pageFile  = "index.html"
	howFile   = "HOW-TO-VERIFY.txt"
	aboutFile = "COPY.json"
)

// version is that of the form of COPY.json.
const version = 1

// about is COPY.json: what was done to make the copy.
type about struct {
	Version  int     `json:"version"`
	Request  string  `json:"request"`
	Call     string  `json:"call"`
	Made     string  `json:"made"`
	Sound    named   `json:"sound"`
	Original string  `json:"original_sha256"` // of the whole sound
	Silenced *string `json:"silenced"`        // operator or caller; null: nothing
	Manifest named   `json:"manifest"`
	Key      string  `json:"key"` // of whose signature SHA256SUMS.sig is
}

type named struct {
	File   string `json:"file"`
	SHA256 string `json:"sha256"`
}

// Write writes a bundle as a ZIP and gives the SHA-256 of its list of sums, by which it can be known again. Nothing is
// written where the sound is not that of the manifest (ErrChanged), or is not sealed.
func Write(w io.Writer, c Copy, k *chain.Key) (digest string, err error) {
	b, err := begin(w, c, k)
	if err != nil {
		return "", fmt.Errorf("copy of %s: %w", c.Picture.Call, err)
	}
	if err := b.write(); err != nil {
		return "", fmt.Errorf("copy of %s: %w", c.Picture.Call, err)
	}
	return b.digest, nil
}

// A binder puts a bundle together.
type binder struct {
	c        Copy
	k        *chain.Key
	zip      *zip.Writer
	folder   string
	sound    string // its name
	manifest string
	original string // SHA-256 of the whole sound
	sums     strings.Builder
	digest   string
}

func begin(w io.Writer, c Copy, k *chain.Key) (*binder, error) {
	id := c.Picture.Call
	b := &binder{c: c, k: k, folder: "copy-" + c.Request + "/", manifest: id + ".json"}
	switch c.Silence {
	case Whole:
		b.sound = id + ".wav"
	case Operator, Caller:
		b.sound = id + "-without-" + c.Silence + ".wav"
	default:
		return nil, fmt.Errorf("%q cannot be silenced: %s or %s can", c.Silence, Operator, Caller)
	}
	if !json.Valid(c.Manifest) {
		return nil, errors.New("the recording has no manifest: it is not sealed yet")
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, c.Sound); err != nil {
		return nil, fmt.Errorf("read the sound: %w", err)
	}
	b.original = hex.EncodeToString(sum.Sum(nil))
	if c.SHA256 != "" && !strings.EqualFold(c.SHA256, b.original) {
		return nil, ErrChanged
	}
	if c.Silence != Whole {
		if _, err := c.Sound.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		head := io.LimitReader(c.Sound, 64) // a sound that cannot be silenced is known by its header
		if err := recording.Silence(io.Discard, head, call.Said); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, err
		}
		b.quiet()
	}
	_, err := c.Sound.Seek(0, io.SeekStart)
	b.zip = zip.NewWriter(w)
	return b, err
}

// quiet takes the silenced side out of the picture, too.
func (b *binder) quiet() {
	p := &b.c.Picture.Peaks
	if b.c.Silence == Operator {
		p.Heard = make([]byte, len(p.Heard))
	} else {
		p.Said = make([]byte, len(p.Said))
	}
}

func (b *binder) write() error {
	sound, err := b.writeSound()
	if err != nil {
		return err
	}
	manifest, err := b.add(b.manifest, b.c.Manifest)
	if err != nil {
		return err
	}
	a := about{
		Version: version, Request: b.c.Request, Call: b.c.Picture.Call, Made: b.c.Made.UTC().Format(time.RFC3339),
		Sound: named{b.sound, sound}, Original: b.original, Manifest: named{b.manifest, manifest}, Key: b.k.ID(),
	}
	if b.c.Silence != Whole {
		a.Silenced = &b.c.Silence
	}
	aboutJSON, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return err
	}
	page, err := b.page()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name string
		body []byte
	}{{aboutFile, append(aboutJSON, '\n')}, {keyFile, b.k.PublicPEM()}, {howFile, b.howTo()}, {pageFile, page}} {
		if _, err := b.add(f.name, f.body); err != nil {
			return err
		}
	}
	return b.sign()
}

// sign adds the list of sums, which names everything else, and its signature.
func (b *binder) sign() error {
	sums := []byte(b.sums.String())
	signature, err := base64.StdEncoding.DecodeString(b.k.Sign(sums))
	if err != nil {
		return fmt.Errorf("sign the sums: %w", err)
	}
	if b.digest, err = b.add(sumsFile, sums); err != nil {
		return err
	}
	if _, err := b.add(signFile, signature); err != nil {
		return err
	}
	return b.zip.Close()
}

// create begins a file of the ZIP.
func (b *binder) create(name string) (io.Writer, error) {
	return b.zip.CreateHeader(&zip.FileHeader{Name: b.folder + name, Method: zip.Deflate, Modified: b.c.Made})
}

// add puts a file into the ZIP and its sum into the list.
func (b *binder) add(name string, body []byte) (sum string, err error) {
	w, err := b.create(name)
	if err == nil {
		_, err = w.Write(body)
	}
	h := sha256.Sum256(body)
	return b.note(name, h[:]), err
}

// note is a line of the list, as sha256sum writes it.
func (b *binder) note(name string, sum []byte) string {
	text := hex.EncodeToString(sum)
	fmt.Fprintf(&b.sums, "%s  %s\n", text, name)
	return text
}

// writeSound copies the sound, or what is left of it.
func (b *binder) writeSound() (sum string, err error) {
	w, err := b.create(b.sound)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	out := io.MultiWriter(w, h)
	switch b.c.Silence {
	case Operator:
		err = recording.Silence(out, b.c.Sound, call.Heard)
	case Caller:
		err = recording.Silence(out, b.c.Sound, call.Said)
	default:
		_, err = io.Copy(out, b.c.Sound)
	}
	if err != nil {
		return "", fmt.Errorf("the sound: %w", err)
	}
	sum = b.note(b.sound, h.Sum(nil))
	if b.c.Silence == Whole && sum != b.original {
		return "", ErrChanged // while we read it
	}
	return sum, nil
}
