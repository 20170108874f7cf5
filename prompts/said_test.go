package prompts

import (
	"strings"
	"testing"
)

// TestNoVoiceSpeaksOverAPerson: a text is said once, again when it is changed, and never over a recording.
func TestNoVoiceSpeaksOverAPerson(t *testing.T) {
	dir := t.TempDir()
	is := func(text string, want Since) {
		t.Helper()
		if got := Remember(dir).Of("own.flood", "az", text); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	is("Sel var.", Unsaid)
	if done := Keep(dir, "own.flood", "az", clip(t, "az/bye.wav")); done.Err != nil {
		t.Fatal(done.Err)
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
	for _, broken := range []string{"{broken", "null", "- a list", ""} {
		put(t, []byte(broken), dir, saidFile)
		is("Sel var.", Recorded)
	}
	if f := load(t, dir, "az").Check(); len(f) > 0 {
		t.Errorf("the memory is taken for a clip: %v", f)
	}
}

func TestARoomThatIsHeard(t *testing.T) {
	for name, c := range map[string]struct {
		m    Measure
		told bool
	}{
		"a studio":   {Measure{Level: -22, Noise: -70}, false},
		"an office":  {Measure{Level: -22, Noise: -45}, true},
		"cut pauses": {Measure{Level: -22, Noise: -120}, false},
	} {
		if told := strings.Contains(strings.Join(remarks(c.m), ";"), "the room is only 23 dB below"); told != c.told {
			t.Errorf("%s: %v", name, remarks(c.m))
		}
	}
}
