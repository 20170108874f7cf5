package configs

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// A Voice speaks the texts of a language: a program, called by its arguments, past no shell.
type Voice struct {
	Command []string          `yaml:"command"` // {text} is a file with the text, {wav} the file to write
	Timeout Duration          `yaml:"timeout"`
	Respell map[string]string `yaml:"respell"` // what it says wrongly, and what it is given instead, wherever it stands
}

func (v *Voice) defaults() {
	v.Command, v.Timeout, v.Respell = []string{}, Duration(30*time.Second), map[string]string{}
}

func (c *checker) voices() {
	for _, lang := range slices.Sorted(maps.Keys(c.file.Voices)) {
		v, path := c.file.Voices[lang], "voices."+clean(string(lang))
		if !slices.Contains(spoken, lang) {
			c.say(path, "write az, en or ru", "there are no prompts in %s", quote(string(lang)))
		}
		all := strings.Join(v.Command, " ")
		switch {
		case len(v.Command) == 0 || v.Command[0] == "":
			c.say(path+".command", `write [espeak-ng, -v, az, -f, "{text}", -w, "{wav}"]`, "it has no program")
		case strings.Contains(v.Command[0], "/") && !filepath.IsAbs(v.Command[0]):
			c.say(path+".command", "write the whole path, from / on, or a name that is in PATH", "%s is a path from nowhere: the program runs in a folder of its own", quote(v.Command[0]))
		case !strings.Contains(all, "{text}") || !strings.Contains(all, "{wav}"):
			c.say(path+".command", "write {text} where the file with the text is named, and {wav} where the sound goes", "the program does not learn what to say, or where to write it")
		}
		if _, empty := v.Respell[""]; empty {
			c.say(path+".respell", "name the letters that the voice says wrongly", "nothing is to be said otherwise")
		}
		if t := v.Timeout.D(); t < time.Second || t > 10*time.Minute {
			c.say(path+".timeout", "write 1s to 10m, such as 30s", "no voice speaks in %s", v.Timeout)
		}
	}
}
