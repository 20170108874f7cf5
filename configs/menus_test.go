package configs

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A check that complains of what is right is soon not listened to.
func TestRightMenusGiveNoComplaint(t *testing.T) {
	files, err := filepath.Glob("testdata/good/menu-*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d right files, %v", len(files), err)
	}
	right := map[string]string{"the sample's": Journey() + `
lines: [{number: "919", hours: office, start: main, closed: night}]
queues: [{name: general}]
calendars: {office: {week: {mon-fri: "09:00-18:00"}}}
`}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		right[filepath.Base(path)] = string(data)
	}
	for name, text := range right {
		f, err := Parse(name, []byte(text))
		if err != nil {
			t.Errorf("%s:\n%v", name, err)
			continue
		}
		for _, l := range f.Lines {
			for seed := range uint64(40) {
				if err := walk(f, l.Start, rand.New(rand.NewPCG(seed, 1))); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
	}
}

// Where the checks let menus pass, callers who do nothing arrive, whatever they pressed before; where they
// do not, each fault tells its line.
func TestWhoeverDoesNothingArrives(t *testing.T) {
	passed, refused := 0, 0
	for seed := range uint64(1500) {
		r := rand.New(rand.NewPCG(seed, 2))
		passes, err := arrives(randomMenus(r), r)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if passes {
			passed++
		} else {
			refused++
		}
	}
	t.Logf("%d passed, %d refused", passed, refused)
	if passed < 60 || refused < 300 {
		t.Errorf("%d menus passed and %d were refused: too few to tell", passed, refused)
	}
}

func FuzzMenus(f *testing.F) {
	for seed := range uint64(20) {
		f.Add(randomMenus(rand.New(rand.NewPCG(seed, 2))), seed)
	}
	f.Fuzz(func(t *testing.T, text string, seed uint64) {
		if len(text) > 1<<12 || strings.Contains(text, "${FILE:") {
			return
		}
		if _, err := arrives(text, rand.New(rand.NewPCG(seed, 3))); err != nil {
			t.Error(err)
		}
	})
}

// arrives reports whether menus pass the checks, and what is wrong with that.
func arrives(text string, r *rand.Rand) (passes bool, err error) {
	f, err := Parse("h.yaml", []byte(text))
	var faults Faults
	switch {
	case errors.As(err, &faults):
		for _, fault := range faults {
			if fault.Line < 1 || fault.Key == "" && fault.Problem == "" {
				return false, fmt.Errorf("a fault without a place: %v", fault)
			}
		}
		return false, nil
	case err != nil:
		return false, err
	}
	for _, l := range f.Lines {
		for _, start := range []string{l.Start, l.Closed} {
			for range 12 {
				if start == "" {
					continue
				}
				if err := walk(f, start, r); err != nil {
					return true, fmt.Errorf("%w in\n%s", err, text)
				}
			}
		}
	}
	return true, nil
}

// randomMenus writes a file with some menus that lead anywhere, most of them somewhere.
func randomMenus(r *rand.Rand) string {
	n := 2 + r.IntN(5)
	to := func() string {
		if r.IntN(60) == 0 {
			return "nowhere"
		}
		return fmt.Sprintf("m%d", r.IntN(n))
	}
	perhaps := func(key string, odds int) string {
		if r.IntN(odds) > 0 {
			return ""
		}
		return fmt.Sprintf(", %s: %s", key, to())
	}
	var b strings.Builder
	b.WriteString(`sip: {trunks: {carriers: [{name: carrier, from: [192.0.2.0/24], to: [sip.example.org]}]}}
lines: [{number: "919", hours: office, start: m0, closed: m1}]
queues: [{name: general}]
calendars: {office: {week: {mon-fri: "09:00-18:00"}}}
directory: [{name: duty, number: "+994125550100"}]
outgoing: {allow: ["+994"]}
surveys: {service: {ask: [{name: mark, clip: survey.q1}]}}
status: {url: "https://status.example.org/v1"}
menus:
`)
	for i := range n {
		fmt.Fprintf(&b, "  m%d: {", i)
		asks := false
		switch r.IntN(14) {
		case 0, 1, 2:
			fmt.Fprintf(&b, "choose: {1: {item: menu.item.status, to: %s}, 2: {item: menu.item.main, to: %s}}", to(), to())
			asks = true
		case 3:
			fmt.Fprintf(&b, `digits: {ask: own.ask, values: {"12": %s}, other: %s}`, to(), to())
			asks = true
		case 4, 5:
			b.WriteString("queue: general")
		case 6:
			b.WriteString("transfer: duty")
			asks = true
		case 7:
			fmt.Fprintf(&b, "message: {kind: message, intro: vm.intro}, to: %s", to())
			asks = true
		case 8:
			fmt.Fprintf(&b, "callback: general%s", perhaps("to", 2))
			asks = true
		case 9:
			fmt.Fprintf(&b, "status: true, to: %s", to())
			asks = true
		case 10:
			fmt.Fprintf(&b, "hours: {calendar: office, open: %s, closed: %s}", to(), to())
		case 11:
			b.WriteString("say: [bye], end: true")
		case 12:
			fmt.Fprintf(&b, "%s: %s, to: %s", []string{"incident", "language"}[r.IntN(2)], "true", to())
		case 13:
			fmt.Fprintf(&b, "say: [docs.intro]%s", perhaps("to", 1))
		}
		if asks {
			b.WriteString(perhaps("nothing", 2))
		}
		b.WriteString(perhaps("person", 5) + "}\n")
	}
	return b.String()
}

// walk leads a caller through menus by the rules of ivr.Walk, written down here a second time: one who
// presses some keys and then does nothing. It fails where the caller is led nowhere or does not arrive.
func walk(f *File, start string, r *rand.Rand) error {
	person, keys := f.Person(start), r.IntN(12)
	var way, told []string
	var at string
	arrive := func(to string) {
		if p := f.Menus[to].Person; p != "" {
			person = p
		}
		at, told = to, append(told, to)
	}
	arrive(start)
	for range 300 {
		m, ok := f.Menus[at]
		if !ok {
			return fmt.Errorf("a caller is led nowhere: %v", told)
		}
		leave := func(to string) {
			if kind := m.Kind(); kind == NodeChoose || kind == NodeDigits {
				way = append(way, at)
			}
			arrive(to)
		}
		kind := m.Kind()
		switch {
		case kind == NodeQueue, kind == NodeEnd:
			return nil
		case kind == NodeTransfer && r.IntN(4) == 0: // somebody answers
			return nil
		case kind == NodeHours:
			leave([]string{m.Hours.Open, m.Hours.Closed}[r.IntN(2)])
			continue
		case keys > 0:
			keys--
			switch ways := m.Ways(); r.IntN(6) {
			case 0:
				leave(person)
				continue
			case 1:
				if len(way) > 0 {
					at, way = way[len(way)-1], way[:len(way)-1]
				}
				arrive(at)
				continue
			default:
				ways = slices.DeleteFunc(ways, func(e Exit) bool { return e.Key == "nothing" || e.Key == "to" && kind == NodeCallback })
				if len(ways) > 0 {
					leave(ways[r.IntN(len(ways))].To)
					continue
				}
			}
		}
		switch {
		case kind == NodeSay, kind == NodeIncident, kind == NodeLanguage, kind == NodeSurvey:
			leave(m.To)
		case m.Nothing != "":
			leave(m.Nothing)
		case at == person:
			leave(m.To)
		default:
			leave(person)
		}
	}
	return fmt.Errorf("a caller never arrives: %v", told[:20])
}
