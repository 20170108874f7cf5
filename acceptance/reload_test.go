//go:build acceptance

package acceptance

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"hotline/acceptance/ear"
	"hotline/phone"
)

// Two files take turns a hundred times, every tenth time a broken one is refused, while people are inside
// menus, wait and talk. Nobody notices: each goes on in the menus that they began with, without a gap in what
// they hear; who comes then finds the new ones.
func TestReloadUnderLoad(t *testing.T) {
	s := newServer(t,
		"menus:\n  main: {say: [menu.main.intro], choose: {1: {item: menu.item.operator, to: operator}, 2: {item: menu.item.documents, to: docs}}, listen: 30s}",
		"  operator: {queue: general}", "  docs: {say: [docs.work], answers: true, to: main}")
	s.write("hotline.yaml", strings.Replace(s.read("hotline.yaml"), "menus: {main: {queue: general}}\n", "", 1))
	first := s.read("hotline.yaml")
	second := strings.NewReplacer("1: {item: menu.item.operator, to: operator}", "3: {item: menu.item.operator, to: operator}",
		"say: [menu.main.intro]", "say: [docs.intro]").Replace(first)
	broken := strings.Replace(first, "to: operator}", "to: operater}", 1)
	const talking, others = 4, 8
	for i := range talking {
		s.addOperator(fmt.Sprint("operator", i), "az,en,ru")
	}
	s.start()
	ears, err := ear.Load("../prompts/clips")
	if err != nil {
		t.Fatal(err)
	}
	enter := func(n int) (calls []*phone.Call) { // they have heard the notice, and are in the menu
		for range n {
			c := s.dial(s.citizen(func(o *phone.Options) { o.User = citizenNumber }))
			calls = append(calls, c)
		}
		pause(t, 500*time.Millisecond)
		for _, c := range calls {
			s.press(c, "2")
		}
		pause(t, 7*time.Second)
		return calls
	}
	type side struct{ here, there *phone.Call }
	var talks []side
	for i, c := range enter(talking) {
		op := s.operatorPhone(fmt.Sprint("operator", i))
		s.press(c, "1")
		taken := s.rung(op)
		s.together(c, taken, 1000)
		talks = append(talks, side{c, taken})
	}
	waiting := enter(others)
	for _, c := range waiting {
		s.press(c, "1")
	}
	s.becomes(`hotline_queue_waiting{queue="general"}`, others)
	inside := enter(others)
	began := time.Now()
	for i := range 100 {
		text, want := []string{first, second}[i%2], 0
		if i%10 == 9 {
			text, want = broken, 1
		}
		s.write("hotline.yaml", text)
		if out, code := s.command("", "reload"); (code != 0) != (want != 0) {
			t.Fatalf("reload %d: exit %d: %s", i, code, out)
		}
	}
	t.Logf("100 reloads in %v", time.Since(began))
	s.write("hotline.yaml", second)
	if out, code := s.command("", "reload"); code != 0 {
		t.Fatalf("the last reload: exit %d: %s", code, out)
	}
	late := enter(1)[0]
	for i, c := range inside { // key 1 leads where it led when they came
		s.goesOn(c, fmt.Sprint("caller ", i, " in the menu"))
		s.press(c, "1")
	}
	s.becomes(`hotline_queue_waiting{queue="general"}`, 2*others)
	pcm, _ := late.Media().Timeline()
	if heard := ears.Hear(pcm); follows(heard, "en", "docs.intro") != "" {
		t.Errorf("who comes after the last reload hears %v", heard)
	}
	s.press(late, "3")
	s.becomes(`hotline_queue_waiting{queue="general"}`, 2*others+1)
	for i, talk := range talks {
		s.goesOn(talk.here, fmt.Sprint("caller ", i, " who talks"))
		s.hears(talk.here, 1000)
		s.hears(talk.there, 440)
	}
	for i, c := range append(append([]*phone.Call{late}, waiting...), inside...) {
		s.goesOn(c, fmt.Sprint("caller ", i))
		unbroken(t, c)
	}
	for _, talk := range talks {
		unbroken(t, talk.here)
	}
}

// unbroken demands that a telephone was sent one stream without a hole.
func unbroken(t *testing.T, c *phone.Call) {
	t.Helper()
	if r := c.Media().Received(); len(r.SSRCs) != 1 || r.Lost > 0 || r.Jumps > 0 || r.Reordered > 0 || r.LongestGap > 200*time.Millisecond {
		t.Errorf("%d streams, %d packets lost, %d jumps, %d out of order, a gap of %v", len(r.SSRCs), r.Lost, r.Jumps, r.Reordered, r.LongestGap)
	}
}
