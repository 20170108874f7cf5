package prompts

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/call"
	"hotline/prompts/sound"
	"hotline/prompts/spoken"
)

// TestTextsWithNumbersAreThoseOfTheGrammar: also those that stand in catalogue.yaml.
func TestTextsWithNumbersAreThoseOfTheGrammar(t *testing.T) {
	l := load(t, "", Shipped()...)
	for _, lang := range Shipped() {
		days := spoken.Weekdays(lang, time.Monday, time.Friday)
		hours := spoken.Hours(lang, spoken.Clock{Hour: 9}, spoken.Clock{Hour: 18})
		lunch := spoken.Hours(lang, spoken.Clock{Hour: 13}, spoken.Clock{Hour: 14})
		open := said(t, []*call.Clip{l.Clip("closed.hours", lang)})
		if !strings.Contains(open, days) || !strings.Contains(open+".", hours) {
			t.Errorf("%q is not open %s, %s", open, days, hours)
		}
		if said := said(t, []*call.Clip{l.Clip("closed.lunch", lang)}); !strings.Contains(said+".", lunch) {
			t.Errorf("%q is not %s", said, lunch)
		}
	}
}

// TestEveryMinuteOfTheDayIsSaid as the grammar says it.
func TestEveryMinuteOfTheDayIsSaid(t *testing.T) {
	l := load(t, "", Shipped()...)
	for _, lang := range Shipped() {
		for m := 0; m < 24*60; m += 7 {
			at := spoken.Clock{Hour: m / 60, Minute: m % 60}
			want := strings.TrimRight(strings.ReplaceAll(spoken.Time(lang, at), "-", " "), ".")
			if got := said(t, l.SayTime(at, lang)); got != want {
				t.Errorf("%s, %v: got %q, want %q", lang, at, got, want)
			}
		}
	}
}

// TestSayIsInOneLanguage: where the deployer's languages lack it, nothing of the first one is said.
func TestSayIsInOneLanguage(t *testing.T) {
	l := load(t, "", "az")
	if got := l.SayPosition(7, "ru"); got != nil {
		t.Errorf("a Russian place is said as %q", said(t, got))
	}
}

// TestOwnVoiceSaysPositions: a deployer's recording of a number wins as any other does.
func TestOwnVoiceSaysPositions(t *testing.T) {
	dir := t.TempDir()
	put(t, sound.WriteWAV(8000, make([]int16, 4000)), filepath.Join(dir, "az", "queue.position.7.wav"))
	l := load(t, dir, "az")
	if len(l.Check()) > 0 || l.SayPosition(7, "az")[0].Duration() != time.Second/2 {
		t.Errorf("the deployer's clip is not said: %v", l.Check())
	}
}

func TestLastDigitFallsAndGroupsPause(t *testing.T) {
	var keys []string
	for _, c := range load(t, "", "en").SayDigits("404 56 78", "en") {
		keys = append(keys, c.Key)
		if c.Key == pause && (c.Duration() != pauseTime || c.Version == "") {
			t.Errorf("a pause of %v", c.Duration())
		}
	}
	want := []string{"digit.4.mid", "digit.0.mid", "digit.4.mid", pause, "digit.5.mid", "digit.6.mid", pause, "digit.7.mid", "digit.8.end"}
	if !slices.Equal(keys, want) {
		t.Errorf("got %v", keys)
	}
}

// TestBand: always up, and never a promise that is shorter than the wait.
func TestBand(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Minute: "queue.wait.lt1", 0: "queue.wait.lt1", 59 * time.Second: "queue.wait.lt1",
		time.Minute: "queue.wait.1", 61 * time.Second: "queue.wait.2", 192 * time.Second: "queue.wait.4",
		10 * time.Minute: "queue.wait.10", 10*time.Minute + 1: "queue.wait.15", 11 * time.Minute: "queue.wait.15",
		16 * time.Minute: "queue.wait.20", 25 * time.Minute: "queue.wait.25", 30 * time.Minute: "queue.wait.30",
		30*time.Minute + 1: "queue.wait.gt30", 24 * time.Hour: "queue.wait.gt30",
	} {
		if got, _ := Band(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
	last := 0
	for s := range 3600 {
		d := time.Duration(s) * time.Second
		clip, minutes := Band(d)
		if minutes < last {
			t.Fatalf("%v promises %d minutes, less than before", d, minutes)
		}
		if d >= time.Minute && d <= longest*time.Minute && time.Duration(minutes)*time.Minute < d {
			t.Fatalf("%v promises %d minutes", d, minutes)
		}
		if again, _ := Band(time.Duration(minutes) * time.Minute); again != clip {
			t.Fatalf("%v: %s becomes %s when it is banded again", d, clip, again)
		}
		last = minutes
	}
}
