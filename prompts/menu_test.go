package prompts

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"hotline/call"
)

// keys are what clips are found by.
func keys(clips []*call.Clip) string {
	var all []string
	for _, c := range clips {
		all = append(all, string(c.Language)+"/"+c.Key)
	}
	return strings.Join(all, " ")
}

func TestSayMenu(t *testing.T) {
	dir := t.TempDir()
	put(t, recorded(8000, 500), dir, "az", "own.rent.wav")
	put(t, recorded(8000, 500), dir, "ru", "own.gas.wav")
	put(t, recorded(8000, 500), dir, "en", "own.fire.wav")
	l := load(t, dir, "az", "en", "ru")
	three := []Item{{"menu.item.operator", '1'}, {"menu.item.status", '2'}, {"menu.item.callback", '*'}}
	for name, c := range map[string]struct {
		items []Item
		lang  call.Language
		want  string
	}{
		"Azerbaijani: bare keys, the last in full": {three, "az", "az/menu.item.operator az/press.1.short az/menu.item.status az/press.2.short az/menu.item.callback az/press.star"},
		"Russian too":                      {three, "ru", "ru/menu.item.operator ru/press.1.short ru/menu.item.status ru/press.2.short ru/menu.item.callback ru/press.star"},
		"English: every key in full":       {three, "en", "en/menu.item.operator en/press.1 en/menu.item.status en/press.2 en/menu.item.callback en/press.star"},
		"one item is the last":             {three[:1], "az", "az/menu.item.operator az/press.1"},
		"missing: the first, with its key": {[]Item{{"own.rent", '3'}, {"menu.item.status", '0'}}, "en", "az/own.rent az/press.3.short en/menu.item.status en/press.0"},
		"missing also in the first":        {[]Item{{"own.gas", '3'}, {"menu.item.status", '0'}}, "en", "ru/own.gas ru/press.3.short en/menu.item.status en/press.0"},
		"English stands in":                {[]Item{{"own.fire", '3'}, {"menu.item.status", '0'}}, "ru", "en/own.fire en/press.3 ru/menu.item.status ru/press.0"},
		"nowhere: no key without words":    {[]Item{{"own.none", '3'}, {"menu.item.status", '#'}}, "ru", "ru/menu.item.status ru/press.hash"},
		"a key that no telephone has":      {[]Item{{"menu.item.status", 'A'}}, "ru", ""},
		"nothing to choose":                {nil, "ru", ""},
	} {
		if got := keys(l.SayMenu(c.items, c.lang)); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, c.want)
		}
	}
}

func TestSayCase(t *testing.T) {
	l := load(t, "", Shipped()...)
	for number, want := range map[string]string{
		"2026-000123": "two zero two six · zero zero zero · one two three",
		"":            "", "-": "", "2026-12345é": "", "20x6-000123": "",
	} {
		if got := said(t, l.SayCase(number, "en")); got != want {
			t.Errorf("%s is said as %q, want %q", number, got, want)
		}
	}
	for _, lang := range Shipped() {
		clips := l.SayCase("2031-987654", lang)
		if len(clips) != 12 || clips[11].Key != "digit.4.end" || slices.ContainsFunc(clips, func(c *call.Clip) bool { return c.Language != lang && c.Key != pause }) {
			t.Errorf("%s: %s", lang, keys(clips))
		}
	}
}

// TestWhatIsMissingIsCountedAndToldOnce: and a caller hears something, if there is anything.
func TestWhatIsMissingIsCountedAndToldOnce(t *testing.T) {
	dir := t.TempDir()
	put(t, recorded(8000, 500), dir, "ru", "own.gas.wav")
	core, logged := observer.New(zap.WarnLevel)
	l, err := Load(dir, []call.Language{"az", "en", "ru"}, zap.New(core))
	if err != nil {
		t.Fatal(err)
	}
	l.Clip("own.none", "az") // nobody counts yet, and nothing breaks
	r := prometheus.NewRegistry()
	m := NewMetrics(r)
	l.Count(m)
	counted := func(elsewhere, silence float64) {
		t.Helper()
		a, b := testutil.ToFloat64(m.missing.WithLabelValues(anotherLanguage)), testutil.ToFloat64(m.missing.WithLabelValues(silent))
		if a != elsewhere || b != silence {
			t.Errorf("%v and %v are counted, want %v and %v", a, b, elsewhere, silence)
		}
	}
	counted(0, 0)
	for range 3 {
		if c := l.Clip("own.gas", "az"); c == nil || c.Language != "ru" {
			t.Errorf("the caller hears %+v", c)
		}
	}
	counted(3, 0)
	l.Clip("own.none", "az")
	l.SayChoice("own.none", '1', "en")
	counted(3, 2)
	l.Clip("bye", "az")
	l.Clip(ToneOK, "az")
	l.SayPosition(31, "az") // has no words by intent
	counted(3, 2)
	if n := logged.FilterMessage("a prompt is missing").Len(); n != 3 {
		t.Errorf("the log tells %d times of three that are missing", n)
	}
	if n, err := testutil.GatherAndCount(r); err != nil || n != 2 {
		t.Errorf("%d series, %v", n, err)
	}
}
