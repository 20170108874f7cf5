// Command render makes the clips that are embedded in the program, from catalogue.yaml:
//
//	go run ./prompts/render [-out DIR]
//
// It needs espeak-ng 1.51, runs for some seconds, and gives the same files each time. Only the
// sound of espeak-ng goes into the program, never its code.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"hotline/call"
	"hotline/prompts"
	"hotline/prompts/sound"
)

func main() {
	out := flag.String("out", "prompts/clips", "the folder to write")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := render(ctx, *out); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

// render writes every clip, and takes away those of keys that are no more.
func render(ctx context.Context, out string) error {
	if err := checkVersion(ctx); err != nil {
		return err
	}
	entries, err := prompts.Catalogue()
	if err != nil {
		return err
	}
	table, err := readRespelling()
	if err != nil {
		return err
	}
	files := map[string][]byte{
		prompts.MusicFile: wav(music()),
		"tone.ok.wav":     wav(toneOK()),
		"tone.error.wav":  wav(toneError()),
		"tone.beep.wav":   wav(toneBeep()),

		"tone.paused.wav":    wav(tonePaused()),
		"tone.resumed.wav":   wav(toneResumed()),
		"tone.recording.wav": wav(toneRecording()),
	}
	for _, lang := range prompts.Shipped() {
		if err := renderLanguage(ctx, lang, entries, table, files); err != nil {
			return err
		}
	}
	files["spoken.txt"] = []byte(spoken(entries, table))
	return write(out, files)
}

func renderLanguage(ctx context.Context, lang call.Language, entries []prompts.Entry, table respelling, files map[string][]byte) error {
	var paths []string
	var raw []sound.Sound
	for _, e := range entries {
		text, ok := e.Texts[lang]
		if !ok {
			continue
		}
		s, err := synthesise(ctx, lang, table.speak(lang, text))
		if err != nil {
			return err
		}
		raw = append(raw, s)
		paths = append(paths, string(lang)+"/"+e.Key+".wav")
	}
	seconds := 0.0
	for i, s := range sound.Telephone(raw...) {
		files[paths[i]] = sound.WriteALaw(s.Rate, s.PCM())
		seconds += s.Seconds()
	}
	fmt.Printf("%s: %d clips, %.0f s\n", lang, len(raw), seconds)
	return nil
}

func wav(s sound.Sound) []byte { return sound.WriteWAV(s.Rate, s.PCM()) }

// spoken lists what was given to the synthesiser. It stands beside the clips, so that a test
// without a synthesiser can tell that a text was changed and its clip was not.
func spoken(entries []prompts.Entry, table respelling) string {
	var b strings.Builder
	b.WriteString("# Generated with espeak-ng " + version + " by `make prompts`: what each clip was made from.\n")
	for _, e := range entries {
		for _, lang := range prompts.Shipped() {
			if text, ok := e.Texts[lang]; ok {
				fmt.Fprintf(&b, "%s/%s: %s\n", lang, e.Key, table.speak(lang, text))
			}
		}
	}
	return b.String()
}

// write puts the files into the folder and removes other clips from it.
func write(out string, files map[string][]byte) error {
	old, err := filepath.Glob(filepath.Join(out, "*", "*.wav"))
	if err != nil {
		return fmt.Errorf("list %s: %w", out, err)
	}
	var faults []error
	for _, path := range old {
		name, err := filepath.Rel(out, path)
		if _, kept := files[filepath.ToSlash(name)]; err == nil && !kept {
			faults = append(faults, os.Remove(path))
		}
	}
	for name, data := range files {
		path := filepath.Join(out, filepath.FromSlash(name))
		faults = append(faults, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644))
	}
	return errors.Join(faults...)
}
