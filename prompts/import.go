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
	Clipped int     // samples at full scale, three or more in a row
}

// Measured measures a sound.
func Measured(s sound.Sound) Measure {
	m := Measure{Seconds: s.Seconds(), Level: sound.ActiveLevel(s), Peak: sound.Peak(s.Samples)}
	row := 0
	for _, v := range s.Samples {
		if v >= 0.9999 || v <= -0.9999 {
			row++
			continue
		}
		if row >= 3 {
			m.Clipped += row
		}
		row = 0
	}
	return m
}

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
	found := false
	err = fs.WalkDir(files, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.EqualFold(path.Ext(p), ".wav") || hidden(path.Base(p)) {
			return err
		}
		found = true
		one := Imported{File: p}
		one.Language, one.Key = named(p)
		if one.Err = take(files, p, to, dry, entries, &one); one.Err != nil {
			one.To = Measure{}
		}
		tell(one)
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
	f, err := files.Open(p)
	if err != nil {
		return errors.New(reason(err))
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	switch {
	case err != nil:
		return errors.New(reason(err))
	case len(data) > maxBytes:
		return fmt.Errorf("it is larger than %d MB", maxBytes>>20)
	}
	s, err := sound.ReadWAV(data)
	if err != nil {
		return err
	}
	one.From = Measured(s)
	switch {
	case one.From.Seconds > maxSeconds:
		return fmt.Errorf("it is %.0f s long, %d s are the most", one.From.Seconds, maxSeconds)
	case one.From.Level <= sound.Silence:
		return errors.New("nothing is to be heard in it")
	}
	done := sound.Telephone(s)[0]
	one.To = Measured(done)
	one.Remarks = append(remarks(one.From), paced(one.To.Seconds, text)...)
	if dry {
		return nil
	}
	dir := filepath.Join(to, string(one.Language))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return errors.New(reason(err))
	}
	return replace(filepath.Join(dir, one.Key+".wav"), sound.WriteWAV(done.Rate, done.PCM()))
}

// replace writes a file whole or not at all.
func replace(p string, body []byte) error {
	tmp := filepath.Join(filepath.Dir(p), "."+uuid.NewString()+".tmp")
	if err := os.WriteFile(tmp, body, 0o644); err != nil {
		return errors.Join(errors.New(reason(err)), os.Remove(tmp))
	}
	if err := os.Rename(tmp, p); err != nil {
		return errors.Join(errors.New(reason(err)), os.Remove(tmp))
	}
	return nil
}

// textOf is what a clip says, empty for a deployer's own; or why there is none of this key.
func textOf(entries []Entry, key string, lang call.Language) (string, error) {
	if strings.HasPrefix(key, ownKey) && len(key) > len(ownKey) && !strings.ContainsAny(key, `/\`) {
		return "", nil
	}
	var known []string
	for _, e := range entries {
		if e.Key == key {
			return e.Texts[lang], nil
		}
		known = append(known, e.Key)
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
)

// remarks are what is not well with a recording as it came.
func remarks(m Measure) (list []string) {
	if m.Clipped > 0 {
		list = append(list, fmt.Sprintf("it is clipped: %d samples at full scale, record it again, quieter", m.Clipped))
	}
	if m.Level < quietest {
		list = append(list, fmt.Sprintf("it was recorded quietly, at %.1f dBov: its noise is now louder by %.0f dB", m.Level, sound.TargetDBov-m.Level))
	}
	if m.Level > loudest && m.Clipped == 0 {
		list = append(list, fmt.Sprintf("it was recorded loudly, at %.1f dBov", m.Level))
	}
	return list
}

// paced says whether a clip is as long as its text.
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

// A Row is one prompt in one language, as callers hear it.
type Row struct {
	Key      string
	Language call.Language
	Source   Source
	Measure  Measure
	Text     string // of the catalogue; empty: a deployer's own
	Remarks  []string
}

// A Source is where a clip comes from.
type Source string

// The sources.
const (
	BuiltIn Source = "built-in"
	Yours   Source = "yours"
	Missing Source = "missing" // in this language; another one, or words around it, stand in
)

// Rows are all prompts in all languages of the library, in the order of the catalogue, then the deployer's
// own. Measuring takes some seconds; tell is called for each.
func (l *Library) Rows(tell func(Row)) error {
	entries, err := Catalogue()
	if err != nil {
		return err
	}
	keys := map[string]map[call.Language]string{}
	order := []string{}
	for _, e := range entries {
		keys[e.Key] = e.Texts
		order = append(order, e.Key)
	}
	own := []string{}
	for n := range l.clips {
		if strings.HasPrefix(n.key, ownKey) && !slices.Contains(own, n.key) {
			own = append(own, n.key)
		}
	}
	slices.Sort(own)
	shipped, err := shippedVersions()
	if err != nil {
		return err
	}
	for _, key := range append(order, own...) {
		for _, lang := range l.languages {
			text, inCatalogue := keys[key][lang]
			if !inCatalogue && keys[key] != nil {
				continue // a piece that this language does not need
			}
			row := Row{Key: key, Language: lang, Text: text, Source: Missing}
			if c := l.find(name{key, lang}); c != nil {
				s := sound.Sound{Rate: call.ClockRate, Samples: floats(c.PCM)}
				row.Source, row.Measure = Yours, Measured(s)
				if shipped(key, lang) == c.Version {
					row.Source = BuiltIn
				} else {
					row.Remarks = append(remarks(row.Measure), paced(row.Measure.Seconds, text)...)
					if off := row.Measure.Level - sound.TargetDBov; off > 3 || off < -3 {
						row.Remarks = append(row.Remarks, fmt.Sprintf("it is at %.1f dBov, others are at %.0f: hotline prompts import levels it", row.Measure.Level, sound.TargetDBov))
					}
				}
			}
			tell(row)
		}
	}
	return nil
}

func floats(pcm []int16) []float64 {
	out := make([]float64, len(pcm))
	for i, v := range pcm {
		out[i] = float64(v) / 32768
	}
	return out
}

// shippedVersions gives the version of a built-in clip.
func shippedVersions() (func(key string, lang call.Language) string, error) {
	return func(key string, lang call.Language) string {
		c, err := builtIn(key, lang, string(lang)+"/"+key+".wav")
		if err != nil {
			return ""
		}
		return c.Version
	}, nil
}
