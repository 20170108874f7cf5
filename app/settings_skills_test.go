package app

import (
	"reflect"
	"testing"

	"hotline/queue"
	"hotline/store"
)

// The floor knows what the rows say of somebody, in an order that does not change.
func TestOperatorsKnowWhatTheirRowsSay(t *testing.T) {
	users := []store.User{{Name: "aysel", Role: "operator", Skills: map[string]int{"visa": 4, "ru": 5, "tax": 1}, Queues: []string{"tax", "general"}},
		{Name: "murad", Role: "chief", Skills: map[string]int{"ru": 5}}}
	for range 20 {
		got := operators(users)
		if len(got) != 1 || !reflect.DeepEqual(got[0].Queues, users[0].Queues) ||
			!reflect.DeepEqual(got[0].Skills, []queue.Skill{{Name: "ru", Level: 5}, {Name: "tax", Level: 1}, {Name: "visa", Level: 4}}) {
			t.Fatalf("got %+v", got)
		}
	}
}
