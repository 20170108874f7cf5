package prompts

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
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
	Respell map[string]string // what the voice says wrongly, and what it is given instead
}

// mostText bounds what is spoken at once, in bytes.
const mostText = 4000

// Speak lets a voice say a text, and brings what came of it to the telephone. The program is ended, with all
// that it has started, when its time is over, or when it writes more than 64 MB.
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
	in, out := filepath.Join(dir, "text.txt"), filepath.Join(dir, "said.wav")
	if err := os.WriteFile(in, []byte(v.respelled(text)), 0o600); err != nil {
		return sound.Sound{}, err
	}
	if err := v.run(ctx, dir, in, out); err != nil {
		return sound.Sound{}, err
	}
	return written(out)
}

// written reads what a voice has written.
func written(file string) (sound.Sound, error) {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return sound.Sound{}, errors.New("the voice has written no file: it is to write {wav}")
	case err == nil && !info.Mode().IsRegular():
		return sound.Sound{}, errors.New("what the voice has written: it is no file")
	}
	data, err := readAtMost(file, clipBytes)
	if err != nil {
		return sound.Sound{}, fmt.Errorf("what the voice has written: %s", reason(err))
	}
	s, err := sound.ReadShortWAV(data, maxSeconds)
	if err != nil {
		return s, fmt.Errorf("what the voice has written: %w", err)
	}
	if !sound.Audible(s) {
		return s, errors.New("the voice has written silence")
	}
	return sound.Telephone(s)[0], nil
}

// respelled is the text with the words of Respell replaced, wherever they stand, of two that begin at one
// place the longer.
func (v Voice) respelled(text string) string {
	wrong := slices.SortedFunc(maps.Keys(v.Respell), func(a, b string) int {
		return cmp.Or(len(b)-len(a), strings.Compare(a, b))
	})
	var words []string
	for _, w := range wrong {
		if w != "" { // which would stand everywhere
			words = append(words, w, v.Respell[w])
		}
	}
	return strings.NewReplacer(words...).Replace(text)
}

// run lets the program write its file.
func (v Voice) run(ctx context.Context, dir, in, out string) error {
	timed, cancel := context.WithTimeout(ctx, v.Timeout)
	defer cancel()
	tooMuch := watch(timed, out, cancel)
	args := slices.Clone(v.Command)
	for i := range args {
		args[i] = strings.NewReplacer("{text}", in, "{wav}", out).Replace(args[i])
	}
	cmd := exec.CommandContext(timed, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	end := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = end
	cmd.WaitDelay = time.Second
	var told bytes.Buffer
	cmd.Stderr = &limited{to: &told, left: 1 << 10}
	err := cmd.Run()
	if cmd.Process != nil {
		_ = end() // what it has started and left behind; mostly there is nothing
	}
	switch {
	case tooMuch.Load():
		return fmt.Errorf("what the voice has written: it is larger than %d MB", clipBytes>>20)
	case errors.Is(err, exec.ErrWaitDelay): // it is done; something that it left behind held its error output
		return nil
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("the voice: %w", ctx.Err())
	case timed.Err() != nil:
		return fmt.Errorf("the voice was not done after %s", v.Timeout)
	}
	if said := printable(strings.Join(strings.Fields(told.String()), " ")); said != "" {
		return fmt.Errorf("the voice: %w: %s", err, said)
	}
	return fmt.Errorf("the voice: %w", err)
}

// watch ends a program that would fill the disk, which may be the memory. It reports whether it has.
func watch(ctx context.Context, file string, end func()) *atomic.Bool {
	tooMuch := new(atomic.Bool)
	go func() {
		tick := time.NewTicker(lookAgain)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if info, err := os.Stat(file); err == nil && info.Size() > clipBytes {
				tooMuch.Store(true)
				end()
			}
		}
	}()
	return tooMuch
}

// lookAgain is how often a voice's file is looked at: a disk takes some hundred MB in that time at most.
const lookAgain = 50 * time.Millisecond

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
