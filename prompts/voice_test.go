package prompts

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/prompts/sound"
)

// script is a voice made of a shell script, which gets the text's file and the sound's as $1 and $2.
func script(t *testing.T, body string) Voice {
	t.Helper()
	file := filepath.Join(t.TempDir(), "voice.sh")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+body+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return Voice{Command: []string{file, "{text}", "{wav}"}, Timeout: 10 * time.Second}
}

func TestAVoiceSpeaks(t *testing.T) {
	clip, err := filepath.Abs("clips/en/bye.wav")
	if err != nil {
		t.Fatal(err)
	}
	seen := filepath.Join(t.TempDir(), "seen")
	v := script(t, `cat "$1" > `+seen+`; cp `+clip+` "$2"`)
	v.Respell = map[string]string{"Sağ": "[[s'aQ]]"}
	const text = "Sağ olun; $(rm -rf /) `id` \"'| & {wav}\n"
	s, err := v.Speak(context.Background(), text)
	if err != nil {
		t.Fatal(err)
	}
	if s.Rate != 8000 || math.Abs(sound.ActiveLevel(s)-sound.TargetDBov) > 0.3 {
		t.Errorf("%d Hz at %.1f dBov", s.Rate, sound.ActiveLevel(s))
	}
	got, err := os.ReadFile(seen)
	if want := "[[s'aQ]] olun; $(rm -rf /) `id` \"'| & {wav}"; err != nil || string(got) != want {
		t.Errorf("the voice was given %q, %v, want %q", got, err, want)
	}
}

// A voice that is not well is told so, in time, and leaves nothing running.
func TestVoicesThatAreNotWell(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "alive")
	for name, c := range map[string]struct {
		voice Voice
		text  string
		want  string
	}{
		"none":             {Voice{}, "x", "no voice is configured"},
		"not there":        {Voice{Command: []string{"/nowhere/voice"}, Timeout: time.Second}, "x", "no such file"},
		"nothing to say":   {script(t, "true"), "  ", "nothing to say"},
		"too much to say":  {script(t, "true"), strings.Repeat("x", mostText+1), "the most"},
		"fails":            {script(t, "echo out of breath >&2; exit 3"), "x", "out of breath"},
		"writes nothing":   {script(t, "true"), "x", "no file"},
		"writes garbage":   {script(t, `echo hello > "$2"`), "x", "no WAV"},
		"writes silence":   {script(t, `sox -n -r 8000 -b 16 "$2" trim 0 1`), "x", "silence"},
		"writes for hours": {script(t, `sox -n -r 8000 -b 16 "$2" synth 200 sine 400`), "x", "200 s"},
		"says too much":    {script(t, `yes | head -c 100000000 >&2; exit 1`), "x", "exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			_, err := c.voice.Speak(context.Background(), c.text)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if err != nil && len(err.Error()) > 3000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			if took := time.Since(began); took > 8*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
	hangs := script(t, `(sleep 3; touch `+mark+`) & sleep 60`)
	hangs.Timeout = 300 * time.Millisecond
	began := time.Now()
	if _, err := hangs.Speak(context.Background(), "x"); err == nil || !strings.Contains(err.Error(), "not done after") {
		t.Errorf("one that hangs: %v", err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("one that hangs took %v", took)
	}
	time.Sleep(time.Until(began.Add(3500 * time.Millisecond))) // its child would have said that it lives
	if _, err := os.Stat(mark); err == nil {
		t.Error("what the voice had started lives on")
	}
}
