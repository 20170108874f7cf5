package recording

import (
	"os"
	"time"

	"hotline/call"
)

// Sealed is what the manifest of a call's recording says, for a call whose record does not know that
// it was sealed: a process may die between the two, and a backup may hold rows that are older than
// its files. arrived and zone are those that the recording was filed under. It is false where there
// is no manifest, or none that can be read.
func Sealed(dir string, id call.ID, arrived time.Time, zone *time.Location) (r Repaired, ok bool) {
	s, err := stem(id, arrived, zone)
	if err != nil {
		return r, false
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return r, false
	}
	defer root.Close()
	b, err := root.ReadFile(s + manifestExt)
	if err != nil {
		return r, false
	}
	m, err := unpack(b)
	if err != nil || m.Call != id {
		return r, false
	}
	ext := soundExt
	if m.Cipher != nil {
		ext = boxExt
	}
	return Repaired{
		Call: id, Path: told(s + ext), Samples: m.Samples, Duration: samplesTime(m.Samples),
		Ended: time.Time(m.Ended), Notice: m.Notice.notice(),
	}, true
}
