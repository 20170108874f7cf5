package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"

	"hotline/call"
	"hotline/prompts/sound"
)

// The synthesiser. Another version speaks otherwise, so all clips are made with the same one.
const (
	program   = "espeak-ng"
	version   = "1.51"
	wordsAMin = "145"
)

// voiceOf is espeak-ng's voice for a language.
func voiceOf(lang call.Language) string {
	if lang == "en" {
		return "en-gb"
	}
	return string(lang)
}

// checkVersion demands the synthesiser that the committed clips were made with.
func checkVersion(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, program, "--version").Output()
	if err != nil {
		return fmt.Errorf("ask %s for its version (apt-get install %s): %w", program, program, err)
	}
	if !strings.Contains(string(out), " "+version+" ") {
		return fmt.Errorf("%s %s is wanted, this is %q", program, version, strings.TrimSpace(string(out)))
	}
	return nil
}

// synthesise speaks a text. It goes in by standard input, past no shell.
func synthesise(ctx context.Context, lang call.Language, text string) (sound.Sound, error) {
	cmd := exec.CommandContext(ctx, program, "-v", voiceOf(lang), "-s", wordsAMin, "-b", "1", "--stdin", "--stdout")
	cmd.Stdin = strings.NewReader(text)
	var wav, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &wav, &told
	if err := cmd.Run(); err != nil {
		return sound.Sound{}, fmt.Errorf("speak %q: %w: %s", text, err, told.String())
	}
	s, err := sound.ReadWAV(wav.Bytes())
	if err != nil {
		return s, fmt.Errorf("speak %q: %w", text, err)
	}
	return s, nil
}
