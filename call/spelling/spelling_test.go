package spelling

import "testing"

func TestNearest(t *testing.T) {
	keys := []string{"data", "timezone", "languages", "wrap_up", "keep"}
	clips := []string{"queue.enter", "menu.invalid", "bye", "number.1", "number.2", "docs.work"}
	for _, c := range []struct {
		typed string
		list  []string
		want  string
	}{
		{"time_zone", keys, "timezone"}, {"langauges", keys, "languages"}, {"wrapup", keys, "wrap_up"}, {"kepe", keys, "keep"},
		{"xyz", keys, ""}, {"wait", keys, ""},
		{"Queue_Enter", clips, "queue.enter"}, {"queue-enter", clips, "queue.enter"}, {"queue.entre", clips, "queue.enter"},
		{"menu.invalide", clips, "menu.invalid"}, {"menu.inlid", clips, "menu.invalid"}, {"Bye", clips, "bye"}, {"buy", clips, ""},
		{"byee", clips, "bye"}, {"nonsense", clips, ""}, {"", clips, ""}, {"number.10", clips, "number.1"}, {"docs", clips, ""}, {"menu.in", clips, ""},
	} {
		if got := Nearest(c.typed, c.list); got != c.want {
			t.Errorf("%q: %q, want %q", c.typed, got, c.want)
		}
	}
}
