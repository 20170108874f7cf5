package main

import (
	"os"
	"strings"
	"testing"

	"hotline/prompts"
	"hotline/prompts/sound"
)

// TestEveryWordWithGHasPhonemes: espeak-ng drops ğ after a vowel, so each word with it in the
// Azerbaijani texts must be spoken from the table.
func TestEveryWordWithGHasPhonemes(t *testing.T) {
	entries, err := prompts.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	table, err := readRespelling()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, e := range entries {
		text := e.Texts["az"]
		found += strings.Count(lower("az", text), "ğ")
		if said := table.speak("az", text); strings.Contains(lower("az", said), "ğ") {
			t.Errorf("%s: a word with ğ has no phonemes: %s", e.Key, said)
		}
	}
	if found == 0 {
		t.Error("no word with ğ was found at all")
	}
	for word, phonemes := range table["az"] {
		if strings.Contains(word, "ğ") && !strings.Contains(phonemes, "Q") {
			t.Errorf("%s has no [ɣ]: %s", word, phonemes)
		}
	}
}

func TestSpeak(t *testing.T) {
	table := respelling{"az": {"sağ": "s'aQ", "ışıq": "x"}}
	for text, want := range map[string]string{
		"Zəng. Sağ olun.": "Zəng. [[s'aQ]] olun.",
		"SAĞ, sağlıq":     "[[s'aQ]], sağlıq",
		"IŞIQ":            "[[x]]",
		"":                "",
	} {
		if got := table.speak("az", text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	if got := table.speak("ru", "Sağ"); got != "Sağ" {
		t.Errorf("the table of another language was used: %q", got)
	}
}

// TestClipsSpeakTheCatalogue: whoever changes a text or the table must render the clips again.
func TestClipsSpeakTheCatalogue(t *testing.T) {
	entries, err := prompts.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	table, err := readRespelling()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../clips/spoken.txt")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != spoken(entries, table) {
		t.Error("the clips were made from other texts: run make prompts")
	}
}

// TestMusicAndTonesAreTheCommittedOnes allows a difference of one step, since other processors
// round otherwise.
func TestMusicAndTonesAreTheCommittedOnes(t *testing.T) {
	for file, made := range map[string]sound.Sound{"music.wav": music(), "tone.ok.wav": toneOK(), "tone.error.wav": toneError(), "tone.beep.wav": toneBeep()} {
		data, err := os.ReadFile("../clips/" + file)
		if err != nil {
			t.Fatal(err)
		}
		s, err := sound.ReadWAV(data)
		if err != nil {
			t.Fatal(err)
		}
		got, want := s.PCM(), made.PCM()
		if len(got) != len(want) {
			t.Fatalf("%s: %d samples, want %d", file, len(got), len(want))
		}
		for i := range got {
			if d := int(got[i]) - int(want[i]); d < -1 || d > 1 {
				t.Fatalf("%s: sample %d is %d, want %d: run make prompts", file, i, got[i], want[i])
			}
		}
	}
}

// TestShapeKeepsClipsTogether: a clip that measures far from the others is moved by no more than
// 3 dB more or less than they are.
func TestShapeKeepsClipsTogether(t *testing.T) {
	voice := notes(300, 500, 400)
	voice.Samples = append(voice.Samples, make([]float64, 4000)...)
	raw := []sound.Sound{sound.Gain(voice, 2), sound.Gain(voice, 0), sound.Gain(voice, -1), sound.Gain(voice, -9)}
	out := sound.Telephone(raw...)
	for i, want := range []float64{-22, -22, -22, -22 - 5.5} {
		if got := sound.ActiveLevel(out[i]); got < want-1 || got > want+1 {
			t.Errorf("clip %d is at %.1f dBov, want %.1f", i, got, want)
		}
		if p := sound.Peak(out[i].Samples); p > sound.PeakDBFS {
			t.Errorf("clip %d peaks at %.2f dBFS", i, p)
		}
	}
}

func TestWriteTakesOldClipsAway(t *testing.T) {
	dir := t.TempDir()
	if err := write(dir, map[string][]byte{"az/old.wav": {1}, "az/kept.wav": {1}}); err != nil {
		t.Fatal(err)
	}
	if err := write(dir, map[string][]byte{"az/kept.wav": {2}, "music.wav": {3}}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(dir + "/az/old.wav"); !os.IsNotExist(err) {
		t.Errorf("an old clip is left: %v", err)
	}
	if b, err := os.ReadFile(dir + "/az/kept.wav"); err != nil || b[0] != 2 {
		t.Errorf("kept: %v %v", b, err)
	}
}
