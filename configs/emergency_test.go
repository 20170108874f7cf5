package configs

import (
	"errors"
	"strings"
	"testing"
)

// What is wrong with an emergency key is told before anybody presses it: at which key, and what would be
// right.
func TestAnEmergencyKeyThatHelpsNobody(t *testing.T) {
	const house = `
lines: [{number: "919", start: lists}]
menus: {main: {queue: general}, lists: {say: [menu.main.intro], choose: {7: main}}}
queues: [{name: general}]
`
	const rescue = `directory: [{name: rescue, number: "112", emergency: true}, {name: service, number: "+994125550100"}]` + "\n"
	carriers := func(list string) string { return "sip: {trunks: {carriers: [" + list + "]}}\n" }
	one := carriers(`{name: one, to: [192.0.2.1]}`)
	for name, c := range map[string]struct{ text, key, says string }{
		"all is well":              {one + rescue + "emergency: {key: 9, to: rescue}", "", ""},
		"no key at all":            {rescue + "emergency: {key: 9}", "", ""},
		"one language has no menu": {"languages: [az]\n" + one + rescue + "emergency: {key: 2, to: rescue}\n", "", ""},
		"the way to a person":      {one + rescue + "emergency: {key: 0, to: rescue}", "emergency.key", "0 always leads to a person, take 1 to 9"},
		"the way back":             {one + rescue + `emergency: {key: "*", to: rescue}`, "emergency.key", "* always goes back to the menu before, take 1 to 9"},
		"the repeat":               {one + rescue + `emergency: {key: "#", to: rescue}`, "emergency.key", "# always says again what was said"},
		"two digits":               {one + rescue + "emergency: {key: 12, to: rescue}", "emergency.key", `"12" is no key`},
		"no digit":                 {one + rescue + "emergency: {key: A, to: rescue}", "emergency.key", `"A" is no key, write one digit from 1 to 9`},
		"a language":               {one + rescue + "emergency: {key: 3, to: rescue}", "emergency.key", `3 chooses a language, write a digit from 4 to 9`},
		"a choice of a menu":       {one + rescue + "emergency: {key: 7, to: rescue}\n", "menus.lists.choose.7", "7 is the emergency key everywhere, take another digit for one of them"},
		"nobody of that name":      {one + rescue + "emergency: {key: 9, to: rescu}", "emergency.to", `no entry "rescu", did you mean rescue?`},
		"nobody who helps":         {one + "emergency: {key: 9, to: rescue}", "emergency.to", `no entry "rescue", add it under directory, with emergency: true`},
		"somebody else":            {one + rescue + "emergency: {key: 9, to: service}", "emergency.to", `"service" is no emergency entry, write emergency: true in directory[1]`},
		"no carrier takes calls":   {carriers(`{name: one, from: [192.0.2.0/24]}`) + rescue + "emergency: {key: 9, to: rescue}", "emergency.to", "no carrier takes calls, so nobody would be reached, give a carrier its hosts under to"},
		"a reserve below nothing":  {one + rescue + "emergency: {reserve: -1}", "emergency.reserve", "-1 is negative"},
		"all channels are kept": {carriers(`{name: one, to: [192.0.2.1], calls: 4}`) + rescue + "emergency: {to: rescue, reserve: 4}",
			"emergency.reserve", "all 4 channels of carrier one would be kept for emergencies: nobody else could call, write at most 3"},
		"the one channel is kept": {carriers(`{name: one, to: [192.0.2.1], calls: 1}`) + rescue + "emergency: {to: rescue}",
			"sip.trunks.carriers[0].calls", "all of them would be kept for the emergency entries of the directory, write 2 or more"},
		"nothing is kept for nobody": {carriers(`{name: one, to: [192.0.2.1], calls: 1}`) + "emergency: {reserve: 7}", "", ""},
		"all ports are kept": {one + rescue + "media: {ports: 20000-20009}\nemergency: {reserve: 4}",
			"emergency.reserve", "with 4 pairs of ports kept for emergencies, the 5 of media.ports leave no call, write media.ports of at least 12 ports"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("test.yaml", []byte(house+c.text))
			var faults Faults
			switch errors.As(err, &faults); {
			case c.key == "" && err != nil:
				t.Error(err)
			case c.key == "":
			case len(faults) != 1 || faults[0].Key != c.key || !strings.Contains(err.Error(), c.says):
				t.Errorf("%v\nwant at %s: %s", err, c.key, c.says)
			}
		})
	}
}
