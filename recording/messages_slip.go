package recording

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"hotline/call"
)

// messageFolder is the name of the folder of messages inside the data folder.
const messageFolder = "messages"

// newFolder holds the slips of messages that nobody has been told of.
const newFolder = "new"

// slipVersion is the version of the slip's form.
const slipVersion = 1

// A slip is what is written of a message beside its sound. It has the caller's number in full:
// that is what it is for.
type slip struct {
	Version      int           `json:"version"`
	ID           call.ID       `json:"id"`
	Call         call.ID       `json:"call"`
	Line         string        `json:"line"`
	From         string        `json:"from"`
	Withheld     bool          `json:"withheld"`
	Language     call.Language `json:"language"`
	Kind         call.Matter   `json:"kind"`
	Topic        string        `json:"topic"`
	Confidential bool          `json:"confidential"`
	Path         string        `json:"path"` // of the sound, relative to the data folder
	At           stamp         `json:"at"`
	Rate         int           `json:"rate"`
	Samples      int64         `json:"samples"`
	SHA256       string        `json:"sha256"`           // of the whole sound file
	Digest       string        `json:"digest,omitempty"` // SHA-256 of this slip without it
}

// An envelope is a message as it goes to the disk.
type envelope struct {
	slip
	sound []byte // its file
	key   []byte // the content of ID.key; nil: the sound is plain
}

// envelope makes one of a message, encrypted where that is asked for.
func (s *Messages) envelope(m call.Message, pcm []int16) (e envelope, err error) {
	if e.slip, e.sound, err = slipOf(m, pcm, s.zone); err != nil || s.vault == nil {
		return e, err
	}
	if e.sound, e.key, err = encryptMono(s.vault, m.ID, e.sound); err != nil {
		return e, err
	}
	e.Path = strings.TrimSuffix(e.Path, soundExt) + boxExt
	e.SHA256 = sumOf(e.sound)
	return e, nil
}

// slipOf makes the slip of a message, and the file of its sound.
func slipOf(m call.Message, pcm []int16, zone *time.Location) (s slip, sound []byte, err error) {
	switch {
	case !isID(string(m.ID)):
		return s, nil, fmt.Errorf("%q is not the id of a message", string(m.ID))
	case m.At.IsZero():
		return s, nil, errors.New("it has no time, which decides its day")
	case len(pcm) == 0:
		return s, nil, errors.New("it has no sound")
	case len(pcm) > maxSamples:
		return s, nil, fmt.Errorf("it is %v long; a message may be 24h long", samplesTime(int64(len(pcm))))
	}
	sound = monoPCM.head(int64(len(pcm)))
	for _, sample := range pcm {
		sound = binary.LittleEndian.AppendUint16(sound, uint16(sample))
	}
	return slip{
		Version: slipVersion, ID: m.ID, Call: m.Call, Line: m.Line, From: m.From.Raw(), Withheld: m.Withheld,
		Language: m.Language, Kind: m.Kind, Topic: m.Topic, Confidential: m.Confidential,
		Path: path.Join(messageFolder, m.At.In(zone).Format("2006/01/02"), string(m.ID)+soundExt),
		At:   stamp(m.At), Rate: call.ClockRate, Samples: int64(len(pcm)), SHA256: sumOf(sound),
	}, sound, nil
}

// monoPCM is how the sound of a message lies in its file.
var monoPCM = format{codec: codecPCM16, mono: true}

// message is what the slip says, to the millisecond.
func (s slip) message() call.Message {
	return call.Message{
		ID: s.ID, Call: s.Call, Line: s.Line, From: call.Number(s.From), Withheld: s.Withheld, Language: s.Language,
		Kind: s.Kind, Topic: s.Topic, Confidential: s.Confidential, Path: s.Path, Length: samplesTime(s.Samples),
		At: time.Time(s.At).UTC().Truncate(time.Millisecond),
	}
}

// pack is the slip as it lies on disk.
func (s slip) pack() ([]byte, error) {
	b, err := digested(&s, &s.Digest)
	if err != nil {
		return nil, fmt.Errorf("slip: %w", err)
	}
	return b, nil
}

// unpackSlip reads a slip and takes it only as pack wrote it, to the byte, and only as that of
// the message it is named after.
func unpackSlip(b []byte, name string) (s slip, err error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return s, fmt.Errorf("slip: %w", err)
	}
	if s.Version != slipVersion {
		return s, fmt.Errorf("slip: version %d is not known here", s.Version)
	}
	same, err := s.pack()
	if err != nil {
		return s, err
	}
	if !bytes.Equal(same, b) {
		return s, errors.New("the slip has been changed")
	}
	if id, ok := idOf(name); !ok || id != s.ID {
		return s, fmt.Errorf("the slip belongs to message %s", s.ID)
	}
	if stem, err := soundStem(s.Path); err != nil || path.Base(stem) != string(s.ID) {
		return s, fmt.Errorf("the slip names the sound %q", s.Path)
	}
	return s, nil
}

// soundStem is the path of a message's files without an ending, relative to the folder of
// messages, of the path of its sound as it is told to others.
func soundStem(told string) (string, error) {
	rel, inside := strings.CutPrefix(told, messageFolder+"/")
	ext := path.Ext(rel)
	stem := strings.TrimSuffix(rel, ext)
	if _, err := time.Parse("2006/01/02", path.Dir(stem)); !inside || ext != soundExt && ext != boxExt || err != nil || !isID(path.Base(stem)) || !fs.ValidPath(stem) {
		return "", fmt.Errorf("%q is not the path of a message; it should be like %s/2026/03/02/ID%s", told, messageFolder, soundExt)
	}
	return stem, nil
}

// stemOf is that of a message, if its sound is its own.
func stemOf(m call.Message) (string, error) {
	stem, err := soundStem(m.Path)
	if err == nil && path.Base(stem) != string(m.ID) {
		err = fmt.Errorf("the sound at %q is not that of message %s", m.Path, m.ID)
	}
	return stem, err
}

// slipPath is where the slip of a message lies until somebody has been told of it.
func slipPath(id call.ID) string { return path.Join(newFolder, string(id)+manifestExt) }
