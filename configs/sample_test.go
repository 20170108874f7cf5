package configs

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestSampleIsTheDefaults(t *testing.T) {
	got, err := Parse(DefaultPath, Sample())
	if err != nil {
		t.Fatalf("the sample has faults:\n%v", err)
	}
	got.source = nil
	if want := Default(); !reflect.DeepEqual(got, want) {
		t.Errorf("sample and defaults differ:\n got %+v\nwant %+v", got, want)
	}
}

func TestEmptyFileIsTheDefaults(t *testing.T) {
	for _, text := range []string{"", "\n", "# nothing yet\n", "---\n"} {
		got, err := Parse(DefaultPath, []byte(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		got.source = nil
		if !reflect.DeepEqual(got, Default()) {
			t.Errorf("%q is not the defaults", text)
		}
	}
}

// TestSampleShowsEveryKey holds the sample to be the reference: each key of each type stands in
// it, the examples included.
func TestSampleShowsEveryKey(t *testing.T) {
	got := exampleFile(t)
	var paths []string
	walkKeys(reflect.TypeOf(*got), "", &paths)
	_, menus, _ := strings.Cut(string(Sample()), "\nmenus:")
	menus, _, _ = strings.Cut(menus, "\nqueues:")
	for _, p := range paths {
		if strings.HasPrefix(p, "menus.") { // a menu shows one kind; all kinds together show all keys
			if last := p[strings.LastIndexByte(p, '.')+1:] + ":"; !strings.Contains(menus, last) {
				t.Errorf("the sample's menus do not show %s", p)
			}
			continue
		}
		if _, ok := got.source.spots[p]; !ok {
			t.Errorf("the sample does not show %s", p)
		}
	}
	if len(paths) < 40 {
		t.Errorf("only %d keys were looked for", len(paths))
	}
}

func walkKeys(typ reflect.Type, path string, out *[]string) {
	for i := range typ.NumField() {
		tag := typ.Field(i).Tag.Get("yaml")
		if tag == "" {
			continue
		}
		here := strings.TrimPrefix(path+"."+tag, ".")
		*out = append(*out, here)
		switch ft := typ.Field(i).Type; ft.Kind() {
		case reflect.Struct:
			walkKeys(ft, here, out)
		case reflect.Slice:
			if ft.Elem().Kind() == reflect.Struct && here != "sip.trunks.listen" && here != "sip.phones.listen" && ft.Elem() != reflect.TypeFor[Target]() &&
				ft.Elem() != reflect.TypeFor[Step]() && ft.Elem() != reflect.TypeFor[Unit]() && ft.Elem() != reflect.TypeFor[Overflow]() { // which the sample's remarks show
				walkKeys(ft.Elem(), here+"[0]", out)
			}
		case reflect.Map:
			if here == "menus" {
				walkKeys(ft.Elem(), here, out)
			} else if ft.Elem().Kind() == reflect.Struct {
				walkKeys(ft.Elem(), here+"."+exampleKeys[here], out)
			}
		}
	}
}

// exampleKeys are the keys that the sample's maps show, the fullest of each.
var exampleKeys = map[string]string{
	"calendars": "office", "calendars.office.movable": "2026", "calendars.office.dates": "2026-12-12", "surveys": "service", "voices": "az", "topics": "1",
}

// exampleFile does what the sample says: take out the brackets and the signs #.
func exampleFile(t *testing.T) *File {
	t.Helper()
	text := regexp.MustCompile(`(?m)^( *(?:carriers|lines|calendars|menus|queues|topics|directory|surveys|announcements|voices|classes):) (?:\[\]|\{\})$`).ReplaceAll(Sample(), []byte("$1"))
	text = regexp.MustCompile(`(?m)^( *)#(  .*)$`).ReplaceAll(text, []byte("$1$2"))
	got, err := Parse(DefaultPath, text)
	if err != nil {
		t.Fatalf("the examples have faults:\n%v", err)
	}
	return got
}

func TestExamplesOfTheSampleServe(t *testing.T) {
	got := exampleFile(t)
	if faults := got.Serveable(); len(faults) > 0 {
		t.Errorf("not serveable:\n%v", faults)
	}
	// An example shows the defaults of its entry.
	var c Carrier
	c.defaults()
	c.Name, c.From = got.SIP.Trunks.Carriers[0].Name, got.SIP.Trunks.Carriers[0].From
	if !reflect.DeepEqual(got.SIP.Trunks.Carriers[0], c) {
		t.Errorf("carrier: got %+v, want %+v", got.SIP.Trunks.Carriers[0], c)
	}
	var q Queue
	q.defaults()
	q.Name = "general"
	if !reflect.DeepEqual(got.Queues[0], q) {
		t.Errorf("queue: got %+v, want %+v", got.Queues[0], q)
	}
	var e Entry
	e.defaults()
	e.Name, e.Number = "service", "+994125550100"
	if !reflect.DeepEqual(got.Directory[0], e) {
		t.Errorf("entry: got %+v, want %+v", got.Directory[0], e)
	}
	if l := got.Lines[0]; l.Number != "919" || !slices.Equal(l.Also, []string{"012919", "+99412919"}) || l.Hours != Always || l.Start != "main" || l.Closed != "night" {
		t.Errorf("line: got %+v", l)
	}
	saturday := time.Date(2026, 12, 5, 13, 59, 0, 0, got.Zone())
	if office := got.Hours("office"); !office.Open(saturday) || office.Open(saturday.Add(time.Minute)) {
		t.Error("office is not open on 5 December until 14:00")
	}
}

func TestServeableNeedsCarrierAndLine(t *testing.T) {
	got, err := Parse("h.yaml", []byte("sip:\n  trunks:\n    carriers: []\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := "h.yaml:3: sip.trunks.carriers: no carrier, so nobody could call, name one as in the sample\n" +
		"h.yaml:1: lines: no line, so there is no number to call, name one as in the sample"
	if f := got.Serveable(); f.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", f, want)
	}
}
