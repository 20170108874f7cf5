package app

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"hotline/configs"
)

// journeyFile is the sample's journey on a line with hours.
func journeyFile(t *testing.T) *configs.File {
	t.Helper()
	f, err := configs.Parse("journey.yaml", []byte(configs.Journey()+`
data: nowhere
lines: [{number: "919", also: ["012919", "+99412919"], hours: office, start: main, closed: night}]
queues: [{name: general}]
calendars: {office: {week: {mon-fri: "09:00-13:00, 14:00-18:00", sat: "09:00-14:00"}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// The picture in the documentation is that of the sample's journey. Where the sample or the prompts change:
// go test ./app -run Journey -update
func TestThePictureOfTheJourneyIsOfToday(t *testing.T) {
	const path = "../docs/pictures/journey.svg"
	got, err := DrawMenus(journeyFile(t), Picture{})
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the sample has now: go test ./app -run Journey -update", path)
	}
}

// Whoever looks for something in the picture finds it: each menu, each word, each key, both ways of the line.
func TestThePictureShowsTheWholeJourney(t *testing.T) {
	f := journeyFile(t)
	svg, err := DrawMenus(f, Picture{})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{">919<", "09:00–13:00", ">open<", ">closed<", ">nothing<", ">then<", ">0<",
		"az: Operatorla danışmaq üçün,", "en: To speak to an operator,", "ru: Чтобы поговорить с оператором,",
		"who dial 919", "confidential", "0 leads to operator"}
	for name, m := range f.Menus {
		want = append(want, ">"+name+"<")
		for _, w := range m.Ways() {
			want = append(want, "→ "+w.To+"<")
		}
	}
	for _, w := range want {
		if !strings.Contains(string(svg), w) {
			t.Errorf("the picture does not show %q", w)
		}
	}

	one, err := DrawMenus(f, Picture{Languages: []string{"en"}, Line: "012919"})
	if err != nil || strings.Contains(string(one), "ru: ") || !strings.Contains(string(one), "en: ") {
		t.Errorf("in English alone: %v", err)
	}
	if _, err := DrawMenus(f, Picture{Line: "920"}); !errors.Is(err, ErrNoLine) {
		t.Errorf("a line that is not there: %v", err)
	}
	if _, err := DrawMenus(f, Picture{Languages: []string{"fr"}}); !errors.Is(err, ErrNotSpoken) {
		t.Errorf("a language that nobody speaks: %v", err)
	}
	if _, err := DrawMenus(configs.Default(), Picture{}); !errors.Is(err, ErrNoMenus) {
		t.Errorf("no menus: %v", err)
	}
}

// A clip that the deployer has recorded over ours does not say our words any more.
func TestThePictureDoesNotPutWordsIntoOwnRecordings(t *testing.T) {
	f := journeyFile(t)
	f.Data = t.TempDir()
	shortClips(t, f.Data)
	menu := f.Menus["goodbye"]
	menu.Say = []string{"open.greeting", "own.thanks"}
	f.Menus["goodbye"] = menu
	svg, err := DrawMenus(f, Picture{Languages: []string{"en"}})
	if err != nil {
		t.Fatal(err)
	}
	if s := string(svg); strings.Contains(s, "You have reached") || !strings.Contains(s, "your own recording of open.greeting") || !strings.Contains(s, "“own.thanks”") {
		t.Error("the picture tells what the built-in clip says, or nothing of the deployer's")
	}
}
