package app

import (
	"reflect"
	"testing"
	"time"

	"hotline/configs"
	"hotline/queue"
)

// Everything that the file says of a queue reaches the queue.
func TestRulesAreWhatTheFileSays(t *testing.T) {
	f, err := configs.Parse("hotline.yaml", []byte(`
queues:
  - name: visa
    target: 10s
    short: 3s
    offer: 12s
    wrap_up: 30s
    strategy: ring-several
    at_once: 4
    head_start: 2m
    steps: [{after: 0s, language: 3, skills: {visa: 4, law: 2}}, {after: 1m}]
    last_operator: 20s
    overflow: [{after: 90s, to: general}]
    limit: 50
    longest: 30m
    callback: {tries: 2, pause: 5m}
    operators: {ready_on_register: false, pause_after: 2}
  - {name: general}
operators: {cover: {ru: 1, az: 2}, cover_breach: refuse}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := queue.Rules{
		Name: "visa", Target: 10 * time.Second, Short: 3 * time.Second, Offer: 12 * time.Second, WrapUp: 30 * time.Second,
		Strategy: queue.RingSeveral, AtOnce: 4, HeadStart: 2 * time.Minute, LastOperator: 20 * time.Second,
		Steps: []queue.Step{
			{Language: 3, Skills: []queue.Skill{{Name: "law", Level: 2}, {Name: "visa", Level: 4}}},
			{After: time.Minute, Language: 1},
		},
		Overflow: []queue.Overflow{{After: 90 * time.Second, To: "general"}},
		Limit:    50, Longest: 30 * time.Minute, PauseAfter: 2, Callback: queue.Callback{Tries: 2, Pause: 5 * time.Minute},
	}
	got := rules(f)
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("got  %+v\nwant %+v", got[0], want)
	}
	if err := queue.CheckRules(got); err != nil {
		t.Errorf("the queue finds faults in a file without any: %v", err)
	}
	house := queue.House{Cover: []queue.Cover{{Language: "az", Operators: 2}, {Language: "ru", Operators: 1}}, Refuse: true}
	if got := houseRules(f); !reflect.DeepEqual(got, house) {
		t.Errorf("got %+v, want %+v", got, house)
	}
}
