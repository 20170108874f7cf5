package prompts

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"hotline/prompts/sound"
)

// script is a voice that runs a shell script of the test; $1 is the text, $2 the WAV to write.
func script(t *testing.T, timeout time.Duration, body string) Voice {
	t.Helper()
	file := filepath.Join(t.TempDir(), "voice.sh")
	put(t, []byte("#!/bin/sh\n"+body+"\n"), file)
	return Voice{Language: "az", Command: []string{"/bin/sh", file, "{text}", "{wav}"}, Timeout: timeout}
}

// TestAVoiceSpeaks: the program is given the text by a file, and what it writes becomes a clip.
func TestAVoiceSpeaks(t *testing.T) {
	v := Voice{Language: "az", Command: []string{"espeak-ng", "-v", "az", "-f", "{text}", "-w", "{wav}"}, Timeout: 30 * time.Second,
		Respell: map[string]string{"Sağ": "[[s'aQ]]"}}
	foreign(t, "espeak-ng", "--version")
	c, err := Render(t.Context(), v, "incident", "Sağ olun. Bu gün \"$(touch /tmp/x)\" xətt bağlıdır.")
	if err != nil {
		t.Fatal(err)
	}
	s := sound.Sound{Rate: 8000, Samples: floats(c.PCM)}
	if l := sound.ActiveLevel(s); l < -22.5 || l > -21.5 || s.Seconds() < 1 || c.Language != "az" || c.Key != "incident" {
		t.Errorf("%s in %s: %.1f dBov, %.1f s", c.Key, c.Language, l, s.Seconds())
	}
}

// TestVoicesThatMisbehave: each is ended or told, in time, and leaves nothing behind.
func TestVoicesThatMisbehave(t *testing.T) {
	good := filepath.Join(t.TempDir(), "good.wav")
	put(t, recorded(22050, 500), good)
	pids := filepath.Join(t.TempDir(), "pids")
	for name, c := range map[string]struct {
		timeout time.Duration
		body    string
		told    string // empty: it speaks
	}{
		"talks a lot and then speaks":        {20 * time.Second, `head -c 300000 /dev/zero | tr '\0' x >&2; head -c 300000 /dev/zero; cp ` + good + ` "$2"`, ""},
		"leaves a child that holds its pipe": {20 * time.Second, `sleep 300 & echo $! >>` + pids + `; cp ` + good + ` "$2"`, ""},
		"talks a lot and gives up":           {20 * time.Second, `head -c 300000 /dev/zero | tr '\0' x >&2; exit 1`, "exit status 1: xxxxxxxx"},
		"hangs":                              {300 * time.Millisecond, `echo $$ >>` + pids + `; sleep 300`, "not done after 300ms"},
		"hangs in a child":                   {300 * time.Millisecond, `sh -c 'echo $$ >>` + pids + `; sleep 300; true' & wait`, "not done after 300ms"},
		"hears no signal":                    {300 * time.Millisecond, `trap '' TERM INT HUP; echo $$ >>` + pids + `; while :; do sleep 1; done`, "not done after 300ms"},
		"writes no file":                     {20 * time.Second, `true`, "written no file"},
		"writes garbage":                     {20 * time.Second, `head -c 5000 /dev/urandom >"$2"`, "no WAV file"},
		"writes nothing into the file":       {20 * time.Second, `: >"$2"`, "no WAV file"},
		"writes a folder":                    {20 * time.Second, `mkdir "$2"`, "no file"},
		"writes a link to a device":          {20 * time.Second, `ln -s /dev/zero "$2"`, "no file"},
		"writes a pipe":                      {20 * time.Second, `mkfifo "$2"`, "no file"},
		"writes without end":                 {60 * time.Second, `cat /dev/zero >"$2"`, "more than 64 MB"},
		"says why it cannot":                 {20 * time.Second, `echo no such voice >&2; exit 3`, "exit status 3: no such voice"},
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			s, err := script(t, c.timeout, c.body).Speak(t.Context(), "Salam")
			switch {
			case c.told == "" && (err != nil || s.Rate != 8000):
				t.Errorf("it does not speak: %v", err)
			case c.told != "" && (err == nil || !strings.Contains(err.Error(), c.told)):
				t.Errorf("told %v, want %q", err, c.told)
			case err != nil && len(err.Error()) > 2*mostTold:
				t.Errorf("told at length: %d bytes", len(err.Error()))
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
		})
	}
	for _, pid := range strings.Fields(read(t, pids)) {
		n, err := strconv.Atoi(pid)
		if err != nil {
			t.Fatal(err)
		}
		gone := func() bool { return errors.Is(syscall.Kill(n, 0), syscall.ESRCH) || zombie(n) }
		for end := time.Now().Add(10 * time.Second); !gone() && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond) // until the kernel has taken it away
		}
		if !gone() {
			t.Errorf("process %d was left running", n)
		}
	}
	silent := filepath.Join(t.TempDir(), "silent.wav")
	put(t, sound.WriteWAV(8000, make([]int16, 8000)), silent)
	if _, err := script(t, 20*time.Second, `cp `+silent+` "$2"`).Speak(t.Context(), "Salam"); err == nil || !strings.Contains(err.Error(), "silence") {
		t.Errorf("silence: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(100*time.Millisecond, cancel)
	if _, err := script(t, time.Minute, `sleep 300`).Speak(ctx, "Salam"); !errors.Is(err, context.Canceled) {
		t.Errorf("who asked has gone: %v", err)
	}
	for told, v := range map[string]Voice{
		"no voice is configured": {Timeout: time.Second},
		"cannot be started":      {Timeout: time.Second, Command: []string{"/nowhere/speak", "{text}", "{wav}"}},
	} {
		if _, err := v.Speak(t.Context(), "Salam"); err == nil || !strings.Contains(err.Error(), told) {
			t.Errorf("%v, want %q", err, told)
		}
	}
	if _, err := script(t, time.Second, "").Speak(t.Context(), " \n"); err == nil {
		t.Error("nothing was said aloud")
	}
	if _, err := script(t, time.Second, "").Speak(t.Context(), strings.Repeat("a", mostText+1)); err == nil {
		t.Error("a book was begun")
	}
}

// zombie reports whether a process is dead and only waits for somebody to ask.
func zombie(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, rest, _ := strings.Cut(string(b), ") ")
	return err == nil && strings.HasPrefix(rest, "Z")
}

func read(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestRespellReplacesWholeWords(t *testing.T) {
	table := map[string]string{"Sağ": "[[s'aQ]]", "ışıq": "light"}
	for text, want := range map[string]string{
		"Sağ olun, sağ.":    "[[s'aQ]] olun, [[s'aQ]].",
		"Sağlamlıq, solsağ": "Sağlamlıq, solsağ",
		"IŞIQ":              "light",
		"":                  "",
	} {
		if got := Respell("az", text, table); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestNoVoiceSpeaksOverAPerson: a text is said once, again when it is changed, and never over a recording.
func TestNoVoiceSpeaksOverAPerson(t *testing.T) {
	dir := t.TempDir()
	is := func(text, want string) {
		t.Helper()
		if got := Remember(dir).Of("own.flood", "az", text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	is("Sel var.", Unsaid)
	s := sound.Sound{Rate: 8000, Samples: floats(clipOf("", "", nil).PCM)}
	for range 8000 {
		s.Samples = append(s.Samples, 0.1)
	}
	if _, _, err := Put(dir, "own.flood", "az", s); err != nil {
		t.Fatal(err)
	}
	is("Sel var.", Recorded) // whoever put it there has not noted it
	if err := Remember(dir).Note("own.flood", "az", "Sel var."); err != nil {
		t.Fatal(err)
	}
	is("Sel var.", AsBefore)
	is("Sel yoxdur.", Unsaid)
	put(t, recorded(8000, 500), dir, "az", "own.flood.wav")
	is("Sel var.", Recorded)
	is("Sel yoxdur.", Recorded)
	put(t, []byte("{broken"), dir, saidFile)
	is("Sel var.", Recorded)
	if f := load(t, dir, "az").Check(); len(f) > 0 {
		t.Errorf("the memory is taken for a clip: %v", f)
	}
	for _, key := range []string{"../az/bye", "own.", "own.a/b", "nothing.of.ours"} {
		if _, _, err := Put(dir, key, "az", s); err == nil {
			t.Errorf("%q was written", key)
		}
	}
	if _, _, err := Put(dir, "bye", "tr", s); err == nil {
		t.Error("a language that is none was written")
	}
}
