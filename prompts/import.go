package prompts

import (
	"archive/zip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"hotline/call"
	"hotline/prompts/sound"
)

// An Imported is one recording, as it came and as it became a clip.
type Imported struct {
	File     string        // in the folder or archive, fit for a screen
	Key      string        // what its name says it is, which may be nothing that we know
	Language call.Language // empty: of no language, or it is not known
	From     Measure       // as it came
	To       Measure       // as it is now; zero where it is not taken
	Remarks  []string
	Err      error // why it is not taken
}

// Import takes human recordings, named KEY.wav in folders az, en, ru, or LANGUAGE_KEY.wav, from a folder or a
// .zip archive, into the deployer's folder: at 8 kHz, levelled, trimmed. dry takes nothing. A file that cannot
// be taken changes nothing of the others, and of what was there; of two for one clip the first is taken. The
// error is about the whole.
func Import(from, to string, dry bool, tell func(Imported)) error {
	files, closing, err := open(from)
	if err != nil {
		return err
	}
	defer closing()
	entries, err := Catalogue()
	if err != nil {
		return err
	}
	i := importer{files: files, to: to, dry: dry, entries: entries, taken: map[name]string{}}
	found := false
	err = fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && p == ".":
			return err
		case err != nil: // a folder that cannot be read
			tell(Imported{File: printable(p), Err: errors.New(reason(err))})
			return fs.SkipDir
		case d.IsDir() || !strings.EqualFold(path.Ext(p), ".wav") || hidden(path.Base(p)):
			return nil
		}
		found = true
		tell(i.one(p))
		return nil
	})
	if err == nil && !found {
		err = fmt.Errorf("%s holds no .wav file", from)
	}
	return err
}

// open gives the files of a folder or an archive.
func open(from string) (files fs.FS, closing func(), err error) {
	info, err := os.Stat(from)
	switch {
	case err != nil:
		return nil, nil, err
	case info.IsDir():
		return os.DirFS(from), func() {}, nil
	}
	z, err := zip.OpenReader(from)
	if err != nil {
		return nil, nil, fmt.Errorf("%s is neither a folder nor a .zip archive: %w", from, err)
	}
	for _, f := range z.File { // Quirk: programs of Windows part folders with \ (APPNOTE §4.4.17.1 wants /)
		f.Name = strings.ReplaceAll(f.Name, `\`, "/")
	}
	return z, func() { z.Close() }, nil //nolint:errcheck // only read
}

// An importer is one import.
type importer struct {
	files   fs.FS
	to      string
	dry     bool
	entries []Entry
	taken   map[name]string // the file that a clip was made of
}

// one takes one file.
func (i *importer) one(p string) Imported {
	done := Imported{File: printable(p)}
	done.Language, done.Key = named(p)
	done.Err = i.take(p, &done)
	if done.Err != nil {
		done.To = Measure{}
	}
	return done
}

func (i *importer) take(p string, done *Imported) error {
	clip := name{done.Key, done.Language}
	if clip == (name{key: "music"}) {
		return fmt.Errorf("music is not brought to the level of speech: copy it to %s yourself", filepath.Join(i.to, MusicFile))
	}
	text, want := textOf(i.entries, clip.key, clip.lang)
	if want != "" {
		return errors.New(noPrompt + ", " + want)
	}
	if other := i.taken[clip]; other != "" {
		return fmt.Errorf("%s is the same clip, leave one of them", other)
	}
	s, err := i.read(p)
	if err != nil {
		return err
	}
	done.From = Measured(s)
	if !sound.Audible(s) {
		return errors.New("nothing is to be heard in it")
	}
	s = sound.Telephone(s)[0]
	done.To = Measured(s)
	done.Remarks = append(remarks(done.From), paced(done.To.Seconds, text)...)
	if !i.dry {
		if err := keep(i.to, clip, s); err != nil {
			return err
		}
	}
	i.taken[clip] = done.File
	return nil
}

// read reads one recording; a pipe, which might never end, is none.
func (i *importer) read(p string) (sound.Sound, error) {
	info, err := fs.Stat(i.files, p)
	switch {
	case err != nil:
		return sound.Sound{}, errors.New(reason(err))
	case !info.Mode().IsRegular():
		return sound.Sound{}, errors.New("it is no file")
	}
	f, err := i.files.Open(p)
	if err != nil {
		return sound.Sound{}, errors.New(reason(err))
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := upTo(f, clipBytes)
	if err != nil {
		return sound.Sound{}, errors.New(reason(err))
	}
	return sound.ReadShortWAV(data, maxSeconds)
}

// named is what a file's path says it is.
func named(p string) (lang call.Language, key string) {
	base := strings.TrimSuffix(path.Base(p), path.Ext(p))
	if dir := call.Language(path.Base(path.Dir(p))); slices.Contains(Shipped(), dir) {
		return dir, base
	}
	if l, rest, ok := strings.Cut(base, "_"); ok && slices.Contains(Shipped(), call.Language(l)) {
		return call.Language(l), rest
	}
	return "", base
}

// Keep puts a sound that is ready for the telephone into the deployer's folder, as Import does.
func Keep(to, key string, lang call.Language, s sound.Sound) Imported {
	done := Imported{Key: key, Language: lang}
	entries, err := Catalogue()
	if err != nil {
		done.Err = err
		return done
	}
	text, want := textOf(entries, key, lang)
	switch {
	case want != "":
		done.Err = errors.New(noPrompt + ", " + want)
	case !slices.Contains(Shipped(), lang):
		done.Err = errors.New("name its language: az, en or ru")
	default:
		done.Err = keep(to, name{key, lang}, s)
	}
	if done.Err == nil {
		done.From, done.To = Measured(s), Measured(s)
		done.Remarks = paced(done.To.Seconds, text)
	}
	return done
}

func keep(to string, clip name, s sound.Sound) error {
	dir := filepath.Join(to, string(clip.lang))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return errors.New(reason(err))
	}
	if err := replace(filepath.Join(dir, clip.key+".wav"), sound.WriteWAV(s.Rate, s.PCM())); err != nil {
		return errors.New(reason(err))
	}
	return nil
}

// replace writes a file whole or not at all, also when the machine stops meanwhile.
func replace(p string, body []byte) error {
	f, err := os.CreateTemp(filepath.Dir(p), ".*.tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(body)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), p)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// printable is a foreign text without what would move a screen.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}
