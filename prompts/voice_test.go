package prompts

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotline/prompts/sound"
)

// script is a voice that is a shell script: $1 is the text's file, $2 the sound's.
func script(t *testing.T, body string) Voice {
	t.Helper()
	file := filepath.Join(t.TempDir(), "voice")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return Voice{Command: []string{"/bin/sh", file, "{text}", "{wav}"}, Timeout: 20 * time.Second}
}

// speaker is a file that a voice may copy as if it had spoken.
func speaker(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "spoken.wav")
	s := sound.Gain(clip(t, "en/open.greeting.wav"), -9)
	put(t, sound.WriteWAV(s.Rate, s.PCM()), file)
	return file
}

// TestAVoiceSpeaks: the program is given the text as it was written, past any shell, and what it writes comes
// to the telephone.
func TestAVoiceSpeaks(t *testing.T) {
	heard, never := filepath.Join(t.TempDir(), "heard"), filepath.Join(t.TempDir(), "never")
	v := script(t, `cp "$1" `+heard+`; cp `+speaker(t)+` "$2"; echo a word on the way; exit 0`)
	for _, text := range []string{
		`Say "this" and 'that'; $(touch ` + never + `) ` + "`id`" + ` && echo $HOME | cat > {wav} {text} \n %s`,
		"Növbədə birincisiniz. Ещё две минуты.",
		"--help",
		"@file",
		"a\nb",
	} {
		s, err := v.Speak(t.Context(), text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if s.Rate != 8000 || math.Abs(sound.ActiveLevel(s)-sound.TargetDBov) > 0.3 || math.Abs(s.Seconds()-3.9) > 0.2 {
			t.Errorf("%q: %d Hz, %.1f dBov, %.1f s", text, s.Rate, sound.ActiveLevel(s), s.Seconds())
		}
		if got, err := os.ReadFile(heard); err != nil || string(got) != text {
			t.Errorf("the voice was given %q for %q (%v)", got, text, err)
		}
	}
	if exists(never) {
		t.Error("a text was run by a shell")
	}
}

func TestAVoiceThatSaysWordsWrongly(t *testing.T) {
	v := Voice{Respell: map[string]string{"DMX": "de em iks", "DMX 2": "second", "": "nothing", "$(x)": "y", "a": "a"}}
	for text, want := range map[string]string{
		"DMX, DMX 2 and $(x)": "de em iks, second and y",
		"dmx":                 "dmx",
		"":                    "",
	} {
		for range 20 { // the order of a map is none
			if got := v.respelled(text); got != want {
				t.Fatalf("%q became %q, want %q", text, got, want)
			}
		}
	}
}

func TestAVoiceThatFails(t *testing.T) {
	file := speaker(t)
	for name, c := range map[string]struct {
		voice Voice
		text  string
		want  string
	}{
		"none is configured":                   {Voice{}, "x", "no voice is configured"},
		"there is no such program":             {Voice{Command: []string{"/nowhere/voice"}, Timeout: time.Second}, "x", "no such file"},
		"nothing to say":                       {script(t, ""), " \n", "nothing to say"},
		"too much to say":                      {script(t, ""), strings.Repeat("x", mostText+1), "4001 bytes"},
		"it does nothing":                      {script(t, ""), "x", "has written no file"},
		"it writes an empty file":              {script(t, `: > "$2"`), "x", "no WAV file"},
		"it writes garbage":                    {script(t, `head -c 5000 /dev/urandom > "$2"`), "x", "no WAV file"},
		"it makes a folder":                    {script(t, `mkdir "$2"`), "x", "it is no file"},
		"it makes a pipe":                      {script(t, `mkfifo "$2"`), "x", "it is no file"},
		"it writes 100 MB":                     {script(t, `cp `+file+` "$2"; truncate -s 100M "$2"`), "x", "larger than 64 MB"},
		"it writes without end":                {script(t, `cat /dev/zero > "$2"`), "x", "larger than 64 MB"},
		"it speaks for an hour":                {script(t, `head -c 40 `+file+` > "$2"; printf '\377\377\377\377' >> "$2"; head -c 60000000 /dev/zero >> "$2"`), "x", "180 s are the most"},
		"it is silent":                         {script(t, `head -c 44 `+file+` > "$2"; head -c 50000 /dev/zero >> "$2"`), "x", "silence"},
		"it says why":                          {script(t, `cp `+file+` "$2"; echo "no voice 'az'" >&2; exit 1`), "x", "exit status 1: no voice 'az'"},
		"it says why without end":              {script(t, `head -c 3000000 /dev/zero | tr '\0' y >&2; exit 3`), "x", "exit status 3: yyy"},
		"it says why, and would clear screens": {script(t, `printf 'a\033[2Jb\n' >&2; exit 1`), "x", "a?[2Jb"},
		"it falls":                             {script(t, `kill -SEGV $$`), "x", "segmentation fault"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("TMPDIR", t.TempDir())
			s, err := c.voice.Speak(t.Context(), c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if len(s.Samples) > 10*maxSeconds*8000 || err != nil && len(err.Error()) > 2000 {
				t.Error("too much of it is kept")
			}
			if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
				t.Errorf("%v is left behind, %v", left, err)
			}
		})
	}
}

// pid reads a process's number that a script has written.
func pid(t *testing.T, file string) int {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(string(bytes.TrimSpace(b)))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// gone reports whether a process has ended; it may take a moment to be buried.
func gone(n int) bool {
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if errors.Is(syscall.Kill(n, 0), syscall.ESRCH) {
			return true
		}
		if b, err := os.ReadFile("/proc/" + strconv.Itoa(n) + "/stat"); err == nil && bytes.Contains(b, []byte(") Z ")) {
			return true
		}
	}
	return false
}

// TestAVoiceThatHangs is ended with its children, who hold its error output and hear no kind word, when its
// time is over or the caller of Speak has had enough.
func TestAVoiceThatHangs(t *testing.T) {
	for name, c := range map[string]struct {
		timeout, patience time.Duration
		want              string
	}{
		"its time is over": {300 * time.Millisecond, time.Minute, "not done after 300ms"},
		"nobody waits":     {time.Minute, 300 * time.Millisecond, "deadline exceeded"},
	} {
		t.Run(name, func(t *testing.T) {
			child := filepath.Join(t.TempDir(), "child")
			v := script(t, `trap "" TERM INT HUP; sleep 600 & echo $! > `+child+`; wait`)
			v.Timeout = c.timeout
			ctx, cancel := context.WithTimeout(t.Context(), c.patience)
			defer cancel()
			began := time.Now()
			_, err := v.Speak(ctx, "x")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if took := time.Since(began); took > 5*time.Second {
				t.Errorf("it took %v", took)
			}
			if n := pid(t, child); !gone(n) {
				t.Errorf("its child %d lives on", n)
			}
		})
	}
}

// TestAVoiceThatLeavesAChild has spoken; what it has started and forgotten is ended.
func TestAVoiceThatLeavesAChild(t *testing.T) {
	child := filepath.Join(t.TempDir(), "child")
	v := script(t, `sleep 600 & echo $! > `+child+`; cp `+speaker(t)+` "$2"`)
	if _, err := v.Speak(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	if n := pid(t, child); !gone(n) {
		t.Errorf("its child %d lives on", n)
	}
}
