package configs

import (
	"strings"
	"testing"
)

// A voice that does not learn what to say, or would never be done, is told at its key.
func TestVoices(t *testing.T) {
	const head = "data: d\nsip: {trunks: {carriers: [{name: carrier, from: [127.0.0.0/8]}]}}\nlines: [{number: \"919\", start: main}]\nmenus: {main: {queue: general}}\nqueues: [{name: general}]\nvoices: "
	for name, c := range map[string]struct{ voices, want string }{
		"good":                  {`{az: {command: [espeak-ng, -f, "{text}", -w, "{wav}"], respell: {DMX: de}}}`, ""},
		"the files in one word": {`{en: {command: [say, "--in={text}", "--out={wav}"], timeout: 10m}}`, ""},
		"no such language":      {`{de: {command: [say, "{text}", "{wav}"]}}`, `there are no prompts in "de"`},
		"no program":            {`{az: {}}`, "it has no program"},
		"no text":               {`{az: {command: [say, "{wav}"]}}`, "does not learn what to say"},
		"no file to write":      {`{az: {command: [say, "{text}"]}}`, "does not learn what to say"},
		"no time":               {`{az: {command: [say, "{text}", "{wav}"], timeout: 0s}}`, "no voice speaks in 0s"},
		"all the time":          {`{az: {command: [say, "{text}", "{wav}"], timeout: 1h}}`, "no voice speaks in 1h"},
		"nothing respelled":     {`{az: {command: [say, "{text}", "{wav}"], respell: {"": x}}}`, "nothing is to be said otherwise"},
	} {
		_, err := Parse("test.yaml", []byte(head+c.voices+"\n"))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "voices.")) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
