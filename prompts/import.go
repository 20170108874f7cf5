package prompts

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"hotline/call"
	"hotline/prompts/sound"
)

// An Imported is one recording, as it came and as it became a clip.
type Imported struct {
	File     string // in the folder or archive
	Key      string // empty: it is not known what it is
	Language call.Language
	From     Measure // as it came
	To       Measure // as it is now; zero where it is not taken
	Remarks  []string
	Err      error // why it is not taken
}

// A Measure is what a sound is like.
type Measure struct {
	Seconds float64
	Level   float64 // active speech level, dBov (ITU-T P.56)
	Peak    float64 // dBFS
	Noise   float64 // level of the quietest 40 ms, dBov: the room
	Clipped int     // samples at full scale, three or more in a row
}

// Measured measures a sound.
func Measured(s sound.Sound) Measure {
	m := Measure{Seconds: s.Seconds(), Level: sound.ActiveLevel(s), Peak: sound.Peak(s.Samples), Noise: sound.Quietest(s)}
	row := 0
	for i, v := range s.Samples {
		full := v >= fullScale || v <= -fullScale
		if full {
			row++
		}
		if !full || i == len(s.Samples)-1 {
			if row >= 3 {
				m.Clipped += row
			}
			row = 0
		}
	}
	return m
}

// fullScale is what a program writes that has run out of numbers, in 16 bits too.
const fullScale = 0.9999

// inaudible reports whether nobody would hear anything: what is quieter than this is the hiss of a
// sound card.
func inaudible(s sound.Sound) bool { return sound.ActiveLevel(s) < mute }

// mute is below the noise of any room, in dBov.
const mute = -65.0

// Import takes human recordings, named KEY.wav in folders az, en, ru, or LANGUAGE_KEY.wav, from a folder or a
// .zip archive, into the deployer's folder: at 8 kHz, levelled, trimmed. dry takes nothing. A file that cannot
// be taken changes nothing of the others, and of what was there. The error is about the whole.
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
	seen := map[string]string{}
	err = fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		one := Imported{File: p}
		switch {
		case err != nil && p == ".":
			return err
		case hidden(path.Base(p)) && p != "." && d != nil && d.IsDir(), path.Base(p) == "__MACOSX":
			return fs.SkipDir // what editors and archivers keep for themselves
		case err != nil:
			one.Err = errors.New(reason(err))
			tell(one)
			return nil
		case d.IsDir() || !strings.EqualFold(path.Ext(p), ".wav") || hidden(path.Base(p)):
			return nil
		}
		one.Language, one.Key = named(p)
		name := string(one.Language) + "/" + one.Key
		if first, twice := seen[name]; twice {
			one.Err = fmt.Errorf("it is what %s is: keep one of them", first)
		} else {
			seen[name] = p
			one.Err = take(files, p, to, dry, entries, &one)
		}
		if one.Err != nil {
			one.To = Measure{}
		}
		tell(one)
		return nil
	})
	if err == nil && len(seen) == 0 {
		err = fmt.Errorf("%s holds no .wav file", from)
	}
	return err
}

// open gives the files of a folder or an archive. A path in an archive that leads out of it leads nowhere:
// archive/zip cuts it, and what is written is named by key and language alone.
func open(from string) (files fs.FS, closing func(), err error) {
	info, err := os.Stat(from)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("import: %w", err)
	case info.IsDir():
		return os.DirFS(from), func() {}, nil
	case !info.Mode().IsRegular():
		return nil, nil, fmt.Errorf("%s is neither a folder nor a .zip archive", from)
	}
	z, err := zip.OpenReader(from)
	if err != nil {
		return nil, nil, fmt.Errorf("%s is neither a folder nor a .zip archive: %w", from, err)
	}
	return z, func() { z.Close() }, nil
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

// take takes one file.
func take(files fs.FS, p, to string, dry bool, entries []Entry, one *Imported) error {
	if one.Language == "" {
		return errors.New("it is not known in which language it is: put it into a folder az, en or ru")
	}
	text, err := textOf(entries, one.Key, one.Language)
	if err != nil {
		return err
	}
	data, err := readFrom(files, p)
	if err != nil {
		return err
	}
	seconds, err := sound.Length(data)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %s", err, wantWAV)
	case seconds > maxSeconds:
		return fmt.Errorf("it is %.0f s long, %d s are the most", seconds, maxSeconds)
	}
	s, err := sound.ReadWAV(data)
	if err != nil {
		return fmt.Errorf("%w: %s", err, wantWAV)
	}
	one.From = Measured(s)
	if inaudible(s) {
		return errors.New("nothing is to be heard in it")
	}
	done := sound.Telephone(s)[0]
	one.To = Measured(done)
	one.Remarks = append(cameAs(one.From), paced(one.To.Seconds, text)...)
	if dry {
		return nil
	}
	return keep(to, one.Key, one.Language, done)
}

// readFrom reads a file whole. What is no file, such as a pipe, could let us wait for ever.
func readFrom(files fs.FS, p string) ([]byte, error) {
	info, err := fs.Stat(files, p)
	switch {
	case err != nil:
		return nil, errors.New(reason(err))
	case !info.Mode().IsRegular():
		return nil, errors.New("it is no file")
	}
	f, err := files.Open(p)
	if err != nil {
		return nil, errors.New(reason(err))
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	switch {
	case err != nil:
		return nil, errors.New(reason(err))
	case len(data) > maxBytes:
		return nil, fmt.Errorf("it is larger than %d MB", maxBytes>>20)
	}
	return data, nil
}

// Put writes a clip that a voice has spoken into the deployer's folder, and tells what is not well with it.
// The error says why it cannot be there.
func Put(to, key string, lang call.Language, s sound.Sound) (m Measure, remarks []string, err error) {
	entries, err := Catalogue()
	if err != nil {
		return m, nil, err
	}
	if _, err := textOf(entries, key, lang); err != nil {
		return m, nil, err
	}
	m = Measured(s)
	return m, heardAs(m), keep(to, key, lang, s)
}

// keep writes a clip into the deployer's folder.
func keep(to, key string, lang call.Language, s sound.Sound) error {
	dir := filepath.Join(to, string(lang))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return errors.New(reason(err))
	}
	return replace(filepath.Join(dir, key+".wav"), sound.WriteWAV(s.Rate, s.PCM()))
}

// replace writes a file whole or not at all, also where the power fails.
func replace(p string, body []byte) error {
	tmp := filepath.Join(filepath.Dir(p), "."+uuid.NewString()+".tmp")
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return errors.New(reason(err))
	}
	_, err = f.Write(body)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(tmp, p)
	}
	if err != nil {
		_ = os.Remove(tmp) // it may not be there any more
		return errors.New(reason(err))
	}
	return nil
}

// textOf is what a clip says, empty for a deployer's own; or why there is none of this key.
func textOf(entries []Entry, key string, lang call.Language) (string, error) {
	if !slices.Contains(Shipped(), lang) {
		return "", fmt.Errorf("there is no language %q, only az, en and ru", lang)
	}
	if strings.HasPrefix(key, ownKey) && len(key) > len(ownKey) && !strings.ContainsAny(key, "/\\\x00") {
		return "", nil
	}
	known := []string{langLine}
	for _, e := range entries {
		if e.Key == key {
			text := e.Texts[lang]
			if text == "" {
				return "", fmt.Errorf("%s needs no %s", lang, key)
			}
			return text, nil
		}
		known = append(known, e.Key)
	}
	if key == langLine {
		return "", nil
	}
	if near := like(key, known); near != "" {
		return "", fmt.Errorf("there is no prompt of this name, name it %s.wav", near)
	}
	return "", errors.New("there is no prompt of this name: see hotline prompts list, or name it own.NAME.wav")
}

// What a recording should be like (what is not is mended, and told).
const (
	quietest, loudest = -30.0, -16.0 // active level, dBov
	slowest, fastest  = 6.0, 28.0    // letters a second
	clearest          = 30.0         // dB between a voice and its room
	offLevel          = 3.0          // dB from the others that a clip may be
)

// cameAs is what is not well with a recording as it came, before it is mended.
func cameAs(m Measure) (list []string) {
	list = append(clipping(m), noisy(m)...)
	switch over := m.Level - sound.TargetDBov; {
	case m.Level < quietest:
		list = append(list, fmt.Sprintf("it was recorded quietly, at %.1f dBov, and is now %.0f dB louder, its noise too", m.Level, -over))
	case m.Level > loudest && m.Clipped == 0:
		list = append(list, fmt.Sprintf("it was recorded loudly, at %.1f dBov, and is now %.0f dB quieter", m.Level, over))
	}
	return list
}

// heardAs is what is not well with a clip as callers hear it.
func heardAs(m Measure) (list []string) {
	if m.Level < mute {
		return []string{"nothing is to be heard in it"}
	}
	list = append(clipping(m), noisy(m)...)
	if off := m.Level - sound.TargetDBov; off > offLevel || off < -offLevel {
		list = append(list, fmt.Sprintf("it is at %.1f dBov, others are at %.0f: hotline prompts import levels it", m.Level, sound.TargetDBov))
	}
	return list
}

func clipping(m Measure) []string {
	if m.Clipped == 0 {
		return nil
	}
	return []string{fmt.Sprintf("it is clipped: %d samples at full scale, record it again, quieter", m.Clipped)}
}

func noisy(m Measure) []string {
	if m.Level-m.Noise > clearest {
		return nil
	}
	return []string{fmt.Sprintf("the room is only %.0f dB below the voice: record it again, in a quieter one", m.Level-m.Noise)}
}

// paced says whether a clip is as long as its text. Of a word it cannot be said.
func paced(seconds float64, text string) (list []string) {
	letters := float64(len([]rune(text)))
	if letters < 10 || seconds == 0 {
		return nil
	}
	switch pace := letters / seconds; {
	case pace < slowest:
		list = append(list, fmt.Sprintf("%.1f s are long for its text", seconds))
	case pace > fastest:
		list = append(list, fmt.Sprintf("%.1f s are short for its text: is it cut off?", seconds))
	}
	return list
}
