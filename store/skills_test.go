package store

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestSkillsAndQueuesOfAUser(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openIn(t, dir)
	u := aysel()
	u.Skills, u.Queues = map[string]int{"ru": 5, "visa": 4}, []string{"tax", "general"}
	must(t, s.AddUser(ctx, u, "one"))
	look := func() User {
		t.Helper()
		users, err := s.Users(ctx)
		must(t, err)
		return users[0]
	}
	if got := look(); !reflect.DeepEqual(got.Skills, u.Skills) || !reflect.DeepEqual(got.Queues, u.Queues) {
		t.Errorf("added as %+v, is %+v", u, got)
	}
	if got, ok, err := s.CheckPassword(ctx, "aysel", "one"); !ok || err != nil || got.Skills["visa"] != 4 {
		t.Errorf("logged in as %+v, %v, %v", got, ok, err)
	}
	must(t, s.SetSkills(ctx, "aysel", map[string]int{"az": 1}))
	must(t, s.SetQueues(ctx, "aysel", []string{"general", "tax"}))
	must(t, s.Close())
	s = openIn(t, dir)
	if got := look(); !reflect.DeepEqual(got.Skills, map[string]int{"az": 1}) || got.Queues[0] != "general" || got.Languages[1] != "ru" {
		t.Errorf("changed, and opened again: %+v", got)
	}
	must(t, s.SetSkills(ctx, "aysel", nil))
	must(t, s.SetQueues(ctx, "aysel", nil))
	if got := look(); len(got.Skills) != 0 || len(got.Queues) != 0 {
		t.Errorf("taken away: %+v", got)
	}
	if err := s.SetSkills(ctx, "nobody", nil); !errors.Is(err, ErrUnknown) {
		t.Errorf("skills of nobody: %v", err)
	}
}

func TestSkillsThatCannotBe(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	must(t, s.AddUser(ctx, aysel(), "one"))
	for _, c := range []struct {
		skills map[string]int
		why    string
	}{
		{map[string]int{"visa": 0}, "skill visa: 0 is no level, want 1 to 5"},
		{map[string]int{"visa": 6}, "skill visa: 6 is no level"},
		{map[string]int{"": 3}, `skill "": want`},
		{map[string]int{"work permits": 3}, `skill "work permits": want`},
		{map[string]int{"en": 3}, "skill en: is a language, and not among those spoken"},
	} {
		if err := s.SetSkills(ctx, "aysel", c.skills); !errors.Is(err, ErrNotFit) || !strings.Contains(err.Error(), c.why) {
			t.Errorf("%v: %v, want %q", c.skills, err, c.why)
		}
		u := aysel()
		u.Name, u.Skills = "leyla", c.skills
		if err := s.AddUser(ctx, u, "one"); err == nil || !strings.Contains(err.Error(), c.why) {
			t.Errorf("added with %v: %v, want %q", c.skills, err, c.why)
		}
	}
	for _, queues := range [][]string{{"tax", ""}, {"tax", "general", "tax"}} {
		if err := s.SetQueues(ctx, "aysel", queues); !errors.Is(err, ErrNotFit) {
			t.Errorf("%q: %v", queues, err)
		}
	}
	users, err := s.Users(ctx)
	must(t, err)
	if len(users) != 1 || len(users[0].Skills) != 0 || users[0].Queues[0] != "general" {
		t.Errorf("afterwards: %+v", users)
	}
}
