package configs

import (
	"path/filepath"
	"time"
)

// Recording is what becomes of the sound.
type Recording struct {
	Policy Policy `yaml:"policy"`
	Format Format `yaml:"format"`
	Keep   Months `yaml:"keep"`
	Away   Away   `yaml:"away"`
	Heads  Heads  `yaml:"heads"`

	Encrypt []string `yaml:"encrypt"` // age recipients of the recovery; empty: recordings are plain
	Keys    string   `yaml:"keys"`    // folder of the epochs, absolute or below data
	Second  string   `yaml:"second"`  // folder on another disk, where recordings go on that the first refuses; absolute, empty: none

	KeepCases Months  `yaml:"keep_cases"` // of calls with a case, from its close or the end of its term; where Keep is more, that counts
	Classes   []Class `yaml:"classes"`

	Pause Pause    `yaml:"pause"`
	Tone  Duration `yaml:"tone"` // how often both who talk hear that they are recorded; 0: never
}

// Pause is how the recording of a talk may be paused.
type Pause struct {
	Longest Duration `yaml:"longest"` // it goes on by itself then; 0: there are no pauses
	Notice  bool     `yaml:"notice"`  // the caller is told in words, too
}

// A Policy says what a call without a recording is worth.
type Policy string

// The policies.
const (
	RecordAlways        Policy = "always"         // go on unrecorded only where the disk fails, marked
	RecordRefuseWithout Policy = "refuse-without" // refuse the call instead
	RecordOff           Policy = "off"            // no notice, no file
)

// A Format is how samples lie in a recording.
type Format string

// The formats.
const (
	FormatPCM16 Format = "pcm16"
	FormatG711  Format = "g711" // the law of the caller's codec
)

func defaultRecording() Recording {
	return Recording{
		Policy: RecordAlways, Format: FormatPCM16, Keep: 12, KeepCases: 12, Classes: []Class{},
		Encrypt: []string{}, Keys: "keys/recording", Away: defaultAway(), Pause: Pause{Longest: Duration(2 * time.Minute)},
	}
}

// What a pause of a recording and the tone of one may be.
const (
	longestPause = time.Hour // who has forgotten to go on has lost an hour of evidence
	leastTone    = 5 * time.Second
)

// recording checks what is heard of a recording.
func (c *checker) recording() {
	r := c.file.Recording
	if d := r.Pause.Longest.D(); d > longestPause {
		c.say("recording.pause.longest", "write 0s for no pauses, or up to 1h", "%s is longer than a pause may be", c.raw("recording.pause.longest", d.String()))
	}
	if d := r.Tone.D(); d != 0 && d < leastTone {
		c.say("recording.tone", "write 0s for none, or 5s and more, such as 15s", "%s is too often to talk", c.raw("recording.tone", d.String()))
	}
}

// second checks the second directory of the recordings.
func (c *checker) second() {
	const here = "recording.second"
	away := c.file.Recording.Away.Dir
	switch dir := c.file.Recording.Second; {
	case dir == "":
	case !filepath.IsAbs(dir):
		c.say(here, "write an absolute path, such as /mnt/recordings", "%s is not one", c.raw(here, dir))
	case within(dir, c.file.Data):
		c.say(here, "name a folder on another disk", "%s lies in the data folder, whose disk it is to stand in for", c.raw(here, dir))
	case away != "" && (within(dir, away) || within(away, dir)):
		c.say(here, "name a folder of its own", "%s and recording.away.dir lie in one another: copies there would be taken for recordings that are to come home", c.raw(here, dir))
	}
}
