package prompts

import (
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
	// Language is that of the texts: capitals differ between languages.
	Language call.Language
	// Command is the program and its arguments. {text} stands for a file with the text, {wav} for the file
	// that the program is to write.
	Command []string
	Timeout time.Duration
	Respell map[string]string // words that the voice says wrongly, and what it is given for them (see Respell)
}

// What a voice may be asked and may answer.
const (
	mostText    = 4000     // bytes
	mostSpoken  = 64 << 20 // bytes: three minutes at 48 kHz in stereo are half of it
	mostTold    = 1 << 10  // bytes of complaints that are told on
	lookAgain   = 20 * time.Millisecond
	lastBreaths = time.Second // for what the program has left behind to let go of its pipes
)

// Speak lets a voice say a text, and brings what came of it to the telephone. The program is ended, with all
// that it has started, when its time is over, when it writes more than 64 MB, or when ctx is done. Errors
// are about the text, the program, or what it has written.
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
	if err := os.WriteFile(in, []byte(Respell(v.Language, text, v.Respell)), 0o600); err != nil {
		return sound.Sound{}, err
	}
	if err := v.run(ctx, dir, in, out); err != nil {
		return sound.Sound{}, err
	}
	return spokenIn(out)
}

// spokenIn reads what a voice has written.
func spokenIn(file string) (sound.Sound, error) {
	info, err := os.Lstat(file)
	switch {
	case err != nil:
		return sound.Sound{}, errors.New("the voice has written no file: {wav} names it")
	case !info.Mode().IsRegular():
		return sound.Sound{}, errors.New("the voice has written something that is no file")
	}
	data, err := readAtMost(file, mostSpoken)
	if err != nil {
		return sound.Sound{}, fmt.Errorf("what the voice has written: %s", reason(err))
	}
	seconds, err := sound.Length(data)
	switch {
	case err != nil:
		return sound.Sound{}, fmt.Errorf("what the voice has written: %w", err)
	case seconds > maxSeconds:
		return sound.Sound{}, fmt.Errorf("the voice speaks for %.0f s, %d are the most", seconds, maxSeconds)
	}
	s, err := sound.ReadWAV(data)
	if err != nil {
		return s, fmt.Errorf("what the voice has written: %w", err)
	}
	if inaudible(s) {
		return s, errors.New("the voice has written silence")
	}
	return sound.Telephone(s)[0], nil
}

func (v Voice) run(ctx context.Context, dir, in, out string) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ctx, cancel := context.WithTimeoutCause(ctx, v.Timeout, fmt.Errorf("the voice was not done after %s", v.Timeout))
	defer cancel()
	args := slices.Clone(v.Command)
	for i := range args {
		args[i] = strings.NewReplacer("{text}", in, "{wav}", out).Replace(args[i])
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "LANG=C.UTF-8", "TMPDIR=" + dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	group := func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Cancel = group
	cmd.WaitDelay = lastBreaths
	told := &beginning{left: mostTold}
	cmd.Stderr = told
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("the voice cannot be started: %w", err)
	}
	go watchSize(ctx, out, stop)
	err := cmd.Wait()
	_ = group() // whatever it has left running; mostly there is nothing any more
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && !errors.Is(err, exec.ErrWaitDelay): // a child of it that held on to the pipe is no fault
		return fmt.Errorf("the voice: %w: %s", err, strings.TrimSpace(strings.ToValidUTF8(string(told.kept), "?")))
	}
	return nil
}

// watchSize ends a program that writes without end.
func watchSize(ctx context.Context, file string, stop context.CancelCauseFunc) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if info, err := os.Stat(file); err == nil && info.Size() > mostSpoken {
			stop(fmt.Errorf("the voice has written more than %d MB", mostSpoken>>20))
			return
		}
	}
}

// A beginning keeps the first bytes of what a program says, and lets it say the rest. It is no
// bytes.Buffer, which would take all by ReadFrom.
type beginning struct {
	kept []byte
	left int
}

func (b *beginning) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.kept = append(b.kept, p[:n]...)
	b.left -= n
	return len(p), nil
}

// Clip makes a clip of a sound that a voice has spoken.
func Clip(key string, lang call.Language, s sound.Sound) *call.Clip { return makeClip(key, lang, s) }

// Render lets a voice say a text at once, for an incident that nobody has recorded: the clip has the key
// and the voice's language. It may take as long as the voice's time-out: not to be called while somebody
// listens.
func Render(ctx context.Context, v Voice, key, text string) (*call.Clip, error) {
	s, err := v.Speak(ctx, text)
	if err != nil {
		return nil, err
	}
	return Clip(key, v.Language, s), nil
}
