//go:build acceptance

package acceptance

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"hotline/acceptance/ear"
)

// baresip walks the default menu as somebody at its keyboard does: its digits go out as telephone-event, in calls
// of A-law and of µ-law. What it heard is told from the sound it wrote down. In an ordinary run it walks six
// branches, each in one language.
func TestBaresipWalksTheJourney(t *testing.T) {
	s := journeyServer(t)
	s.start()
	ears := originals(t)
	desks := make(chan int, 18) // each has its ports
	for i := range cap(desks) {
		desks <- i
	}
	want := map[string]float64{}
	var all sync.WaitGroup
	for i, w := range slices.Backward(walks) { // the longest first
		for j, lang := range []string{"az", "en", "ru"} {
			if !nightly() && (i%3 != 1 || j != i/3%3) {
				continue
			}
			codec := []string{"PCMA", "PCMU"}[(i+j)%2]
			want[fmt.Sprintf("hotline_line_calls_total{line=%q,outcome=%q}", w.line, w.ends)]++
			desk := <-desks
			k := newBaresipWalk(t, desk, codec)
			all.Go(func() {
				defer func() { desks <- desk }()
				if wrong := k.walks(w, '1'+byte(j)); wrong != "" {
					t.Errorf("%s in %s by %s: %s", w.name, lang, codec, wrong)
					return
				}
				heard, err := k.hears(ears)
				if err != nil {
					t.Errorf("%s in %s by %s: %v", w.name, lang, codec, err)
					return
				}
				if missing := follows(heard, lang, w.hears); missing != "" {
					t.Errorf("%s in %s by %s: %s; heard\n%v", w.name, lang, codec, missing, heard)
				}
			})
		}
	}
	all.Wait()
	for series, n := range want {
		s.becomes(series, n)
	}
	s.digitsAreNowhere("1002", "01021990", "5001", "02021990")
}

// A baresipWalk is a softphone without a number of its own that says nothing until somebody speaks.
type baresipWalk struct{ *baresip }

func newBaresipWalk(t *testing.T, desk int, codec string) baresipWalk {
	t.Helper()
	k := baresipWalk{startBaresip(t, 15100+100*desk,
		"<sip:"+citizenNumber+"@127.0.0.1;transport=udp>;regint=0;audio_codecs="+codec, "module stdio.so\nstatmode_default off\n")}
	run(t, "sox", "-n", "-r", "8000", "-c", "1", "-b", "16", filepath.Join(k.dir, "silence.wav"), "trim", "0", "300")
	eventually(t, 10*time.Second, "baresip is ready", func() bool { return k.printed("is ready") })
	return k
}

// types is what somebody types: digits of a call are single keys, all else is a line after a /.
func (k baresipWalk) types(what string) { _, _ = io.WriteString(k.keys, what) }

// says lets it speak a file from now on.
func (k baresipWalk) says(file string) {
	k.types("/ausrc aufile," + filepath.Join(k.dir, file) + "\n")
}

// prints waits for a word of its own.
func (k baresipWalk) prints(bound time.Duration, what string) bool {
	for deadline := time.Now().Add(bound); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if k.printed(what) {
			return true
		}
	}
	return false
}

// walks is one call, which it does not hang up. It returns what was not as it should be.
func (k baresipWalk) walks(w walk, language byte) (wrong string) {
	k.types("/dial sip:" + w.line + "@127.0.0.1:5060\n")
	if !k.prints(10*time.Second, "established") {
		return "the call is not answered"
	}
	k.says("silence.wav")
	press := func(key byte) {
		time.Sleep(time.Second)
		k.types(string(key))
	}
	press(language)
	time.Sleep(8500 * time.Millisecond) // the notice, and the beginning of the menu
	for _, step := range []byte(w.does) {
		switch step {
		case '.':
			time.Sleep(2 * time.Second)
		case 's':
			k.says("tone.wav")
			time.Sleep(4 * time.Second)
			k.says("silence.wav")
		case '_':
			if !k.prints(3*time.Minute, "session closed") {
				return "nobody says goodbye"
			}
		default:
			press(step)
		}
	}
	return ""
}

// hears hangs up, and tells what it heard from the file it has written.
func (k baresipWalk) hears(ears *ear.Ear) ([]ear.Heard, error) {
	k.stop()
	files, err := filepath.Glob(filepath.Join(k.dir, "dump-*-dec.wav"))
	if err != nil || len(files) != 1 {
		return nil, fmt.Errorf("it wrote down %d calls, not one, %v", len(files), err)
	}
	heard, err := ear.ReadWAV(files[0])
	if err != nil {
		return nil, err
	}
	return ears.Hear(heard[0]), nil
}
