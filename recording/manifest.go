package recording

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"hotline/call"
	"hotline/recording/chain"
	"hotline/recording/durable"
)

// The states of a recording.
const (
	StateOpen        = "open"        // being written, or left so by a crash
	StateSealed      = "sealed"      // complete
	StateInterrupted = "interrupted" // the process died; sealed by Repair
	StateMissing     = "missing"     // the disk took nothing of it
	StateErased      = "erased"      // its time was over; the manifest stays
)

// manifestVersion is the version of the manifest's form.
const manifestVersion = 1

// A manifest says what a recording is. Its form is part of the outside contract.
type manifest struct {
	Version  int           `json:"version"`
	Call     call.ID       `json:"call"`
	Node     string        `json:"node"`
	Line     string        `json:"line"`
	Language call.Language `json:"language"`
	State    string        `json:"state"`
	Codec    string        `json:"codec"`
	Rate     int           `json:"rate"`
	Cipher   *cipherLine   `json:"encrypted,omitempty"`
	Samples  int64         `json:"samples"` // per channel
	SHA256   string        `json:"sha256"`  // of the whole file
	Opened   stamp         `json:"opened"`
	Ended    stamp         `json:"ended"`
	Sealed   stamp         `json:"sealed"`
	Notice   *proof        `json:"notice"`
	Gaps     []gapLine     `json:"gaps"`
	Parties  []partyLine   `json:"parties"`
	Linked   call.ID       `json:"linked,omitempty"` // of a consult: the call that waited for its end
	Faults   []string      `json:"faults,omitempty"` // faultSync, faultDisk, faultTorn, faultRenewed, faultSpilled
	Peaks    string        `json:"peaks,omitempty"`  // SHA-256 of the file of the peaks; none: they are not kept
	chain.Link
}

// What a manifest may confess.
const (
	faultSync = "sync" // a sync failed: what was written before may not be on the disk
	faultDisk = "disk" // a write failed: see the gaps
	faultTorn = "torn" // a power cut took some of an encrypted file before it was repaired: see the gaps

	// faultRenewed follows on a failed sync: what the kernel still had was written into another file,
	// and that one is on the disk.
	faultRenewed = "renewed"

	// faultSpilled: the first directory refused it, and it went on in the second until it was brought home.
	faultSpilled = "spilled"
)

// proof is the notice as the manifest has it.
type proof struct {
	Key       string          `json:"key"`
	Language  call.Language   `json:"language"`
	Version   string          `json:"version"`
	From      stamp           `json:"from"`
	To        stamp           `json:"to"`
	Languages []call.Language `json:"languages,omitempty"`
}

// notice is what the call's record keeps of it; nil of nil.
func (p *proof) notice() *call.Notice {
	if p == nil {
		return nil
	}
	return &call.Notice{
		Key: p.Key, Language: p.Language, Version: p.Version,
		From: time.Time(p.From), To: time.Time(p.To), Languages: p.Languages,
	}
}

type gapLine struct {
	Channel string `json:"channel"`
	From    stamp  `json:"from"`
	To      stamp  `json:"to"`
	Reason  string `json:"reason"`
	Why     string `json:"why,omitempty"` // of a pause: what was given for it
}

type partyLine struct {
	Channel string `json:"channel"`
	Role    string `json:"role"`
	Name    string `json:"name"`
	From    stamp  `json:"from"`
	To      stamp  `json:"to"`
}

// A stamp is a time in RFC 3339, UTC, with milliseconds; the zero time is null.
type stamp time.Time

const stampForm = "2006-01-02T15:04:05.000Z"

func (s stamp) MarshalJSON() ([]byte, error) {
	t := time.Time(s)
	if t.IsZero() {
		return []byte("null"), nil
	}
	return []byte(`"` + t.UTC().Format(stampForm) + `"`), nil
}

func (s *stamp) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*s = stamp{}
		return nil
	}
	t, err := time.Parse(`"`+stampForm+`"`, string(b))
	if err != nil {
		return fmt.Errorf("time %s: %w", b, err)
	}
	*s = stamp(t)
	return nil
}

// pack is the manifest as it lies on disk where it is no link of a chain, its digest in it.
func (m manifest) pack() ([]byte, error) {
	b, err := digested(&m, &m.Digest)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	return b, nil
}

// digested is v as a line of JSON. In digest, a field of v that is left out while it is empty,
// it has the SHA-256 of the line without it.
func digested(v any, digest *string) ([]byte, error) {
	*digest = ""
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	*digest = hex.EncodeToString(sum[:])
	b, err = json.Marshal(v)
	return append(b, '\n'), err
}

var errChanged = errors.New("the manifest has been changed")

// unpack reads a manifest and takes it only as it was written, to the byte. Who signed it is the chain's matter.
func unpack(b []byte) (m manifest, err error) {
	if m, err = parse(b); err != nil {
		return m, err
	}
	if m.Seq > 0 {
		if chain.Whole(b) != nil {
			return m, errChanged
		}
		return m, nil
	}
	same, err := m.pack()
	if err != nil {
		return m, err
	}
	if !bytes.Equal(same, b) {
		return m, errChanged
	}
	return m, nil
}

// parse reads a manifest or a line of a draft.
func parse(b []byte) (m manifest, err error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return m, fmt.Errorf("manifest: %w", err)
	}
	if m.Version != manifestVersion {
		return m, fmt.Errorf("manifest: version %d is not known here", m.Version)
	}
	return m, nil
}

// lastDraft is the newest whole line of a draft; false where there is none. What a crash or a
// full disk has cut off is passed over.
func lastDraft(b []byte) (m manifest, ok bool) {
	for end := bytes.LastIndexByte(b, '\n'); end >= 0; end = bytes.LastIndexByte(b, '\n') {
		b = b[:end]
		if m, err := parse(b[bytes.LastIndexByte(b, '\n')+1:]); err == nil {
			return m, true
		}
	}
	return m, false
}

// end closes what is still open at the end of the call, and sorts it. What began behind the
// end, as a hold may whose silence a killed process had not written yet, ends where it began.
func (m *manifest) end(ended time.Time) {
	m.Ended = stamp(ended)
	last := func(from, to stamp) stamp {
		switch {
		case !time.Time(to).IsZero():
			return to
		case time.Time(from).After(ended):
			return from
		}
		return stamp(ended)
	}
	for i := range m.Gaps {
		m.Gaps[i].To = last(m.Gaps[i].From, m.Gaps[i].To)
	}
	for i := range m.Parties {
		m.Parties[i].To = last(m.Parties[i].From, m.Parties[i].To)
	}
	slices.SortStableFunc(m.Gaps, func(a, b gapLine) int {
		return cmp.Or(time.Time(a.From).Compare(time.Time(b.From)), cmp.Compare(a.Channel, b.Channel))
	})
}

// store leaves the manifest beside the sound, as the next link of the chain where there is one: written, synced,
// renamed, the folder synced. Once it has its name it is whole, whatever happens.
func (m manifest) store(root *os.Root, links *chain.Chain, stem string) error {
	if links != nil {
		if err := links.Add(stem+manifestExt, &m, &m.Link); err != nil {
			return fmt.Errorf("manifest: %w", err)
		}
		return nil
	}
	b, err := m.pack()
	if err != nil {
		return err
	}
	if err := durable.Replace(root, stem+manifestExt, b, fileMode); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	return nil
}
