package ivr

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestAMenuOfMissingClipsLeadsToAPerson: a caller who would hear nothing is not left to guess keys.
func TestAMenuOfMissingClipsLeadsToAPerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leg, ctx, cancel := caller(t)
		defer cancel()
		menus := Menus{
			"main": {Name: "main", Kind: Choose, Words: []string{"own.intro"}, Listen: 8 * time.Second, Rounds: 3,
				Choices: []Choice{{Key: '1', Item: "own.one", To: "end"}}, Nothing: "end"},
			"people": {Name: "people", Kind: Queue},
			"end":    {Name: "end", Kind: End},
		}
		for _, missing := range [][]string{nil, {"own.intro/ru"}, {"own.intro/ru", "own.one/ru"}} {
			w := Walk{Menus: menus, Audio: leg.Audio(), Prompts: clips{missing: missing}, Language: "ru", Now: time.Now}
			w.Begin("main", "people")
			began := time.Now()
			n := w.Next(ctx)
			silent := len(missing) == 2
			if want := map[bool]string{true: "people", false: "end"}[silent]; n == nil || n.Name != want {
				t.Errorf("without %v the caller comes to %+v, want %s", missing, n, want)
			}
			if waited := time.Since(began); silent && waited > time.Second {
				t.Errorf("the caller heard nothing for %s", waited)
			}
		}
	})
}
