package prompts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"hotline/call"
	"hotline/prompts/sound"
)

// A Voice speaks texts: a program of the deployer's, called by its arguments, past no shell.
type Voice struct {
	// Command is the program and its arguments. {text} stands for a file with the text, {wav} for the file
	// that the program is to write.
	Command []string
	Timeout time.Duration
	Respell map[string]string // words that the voice says wrongly, and what it is given for them
}

// mostText bounds what is spoken at once, in bytes.
const mostText = 4000

// Speak lets a voice say a text, and brings what came of it to the telephone. The program is ended, with all
// that it has started, when its time is over.
func (v Voice) Speak(ctx context.Context, text string) (sound.Sound, error) {
	text = strings.TrimSpace(text)
	switch {
	case len(v.Command) == 0:
		return sound.Sound{}, errors.New("no voice is configured for this language, write it under voices")
	case text == "":
		return sound.Sound{}, errors.New("there is nothing to say")
	case len(text) > mostText:
		return sound.Sound{}, fmt.Errorf("the text has %d bytes, %d are the most", len(text), mostText)
	}
	dir, err := os.MkdirTemp("", "hotline-voice-")
	if err != nil {
		return sound.Sound{}, err
	}
	defer os.RemoveAll(dir)
	words := []string{}
	for wrong, right := range v.Respell {
		words = append(words, wrong, right)
	}
	in, out := filepath.Join(dir, "text.txt"), filepath.Join(dir, "said.wav")
	if err := os.WriteFile(in, []byte(strings.NewReplacer(words...).Replace(text)), 0o600); err != nil {
		return sound.Sound{}, err
	}
	if err := v.run(ctx, dir, in, out); err != nil {
		return sound.Sound{}, err
	}
	data, err := readAtMost(out, maxBytes)
	if err != nil {
		return sound.Sound{}, fmt.Errorf("the voice has written no file: %s", reason(err))
	}
	s, err := sound.ReadWAV(data)
	if err != nil {
		return s, fmt.Errorf("what the voice has written: %w", err)
	}
	if s.Seconds() > maxSeconds {
		return s, fmt.Errorf("the voice speaks for %.0f s, %d are the most", s.Seconds(), maxSeconds)
	}
	if sound.ActiveLevel(s) <= sound.Silence {
		return s, errors.New("the voice has written silence")
	}
	return sound.Telephone(s)[0], nil
}

func (v Voice) run(ctx context.Context, dir, in, out string) error {
	ctx, cancel := context.WithTimeout(ctx, v.Timeout)
	defer cancel()
	args := slices.Clone(v.Command)
	for i := range args {
		args[i] = strings.NewReplacer("{text}", in, "{wav}", out).Replace(args[i])
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var told bytes.Buffer
	cmd.Stderr = &limited{to: &told, left: 1 << 10}
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("the voice was not done after %s", v.Timeout)
	case err != nil:
		return fmt.Errorf("the voice: %w: %s", err, strings.TrimSpace(told.String()))
	}
	return nil
}

// limited takes the beginning of what a program says.
type limited struct {
	to   *bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.to.Write(p[:n])
	l.left -= n
	return len(p), nil
}

// Clip makes a clip of a sound that a voice has spoken.
func Clip(key string, lang call.Language, s sound.Sound) *call.Clip { return makeClip(key, lang, s) }
