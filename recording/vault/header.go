package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"

	"hotline/call"
)

// Magic is the first line of a file.
const Magic = "hotline-recording 1\n"

// AEAD is the one cipher there is, as headers and manifests name it.
const AEAD = "aes-256-gcm"

// headerLimit is the longest a header may be.
const headerLimit = 1 << 10

// version is the version of the file's form.
const version = 1

// A Header is what a file says of itself to everybody.
type Header struct {
	Version int     `json:"version"`
	Call    call.ID `json:"call"`
	Codec   string  `json:"codec"` // as the manifest names it
	Rate    int     `json:"rate"`  // samples a second
	Frame   int     `json:"frame"` // bytes of one sample of all channels
	AEAD    string  `json:"aead"`
	Key     string  `json:"key"`  // Key.ID of the recording's key
	File    string  `json:"file"` // random: no two files have the same
}

// check says what is wrong with a header.
func (h Header) check() error {
	switch {
	case h.Version != version:
		return fmt.Errorf("version %d of the form is not known here; %d is", h.Version, version)
	case h.AEAD != AEAD:
		return fmt.Errorf("cipher %q is not known here; %s is", h.AEAD, AEAD)
	case h.Frame < 1 || h.Frame > maxFrameBytes:
		return fmt.Errorf("a sample of %d bytes cannot be; 1 to %d can", h.Frame, maxFrameBytes)
	case h.Rate < 1:
		return fmt.Errorf("a rate of %d cannot be; it is in samples a second", h.Rate)
	}
	return nil
}

// pack is the header as it lies in the file.
func (h Header) pack() ([]byte, error) {
	b, err := json.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	b = append([]byte(Magic), append(b, '\n')...)
	if len(b) > headerLimit {
		return nil, fmt.Errorf("header: it has %d bytes; at most %d may be", len(b), headerLimit)
	}
	return b, nil
}

// ErrHeader says that a file does not begin with a whole header.
var ErrHeader = errors.New("the file does not begin with the header of an encrypted recording")

// unpackHeader reads a header at the beginning of b, and takes it only as pack wrote it.
func unpackHeader(b []byte) (h Header, size int, err error) {
	line, ok := bytes.CutPrefix(b, []byte(Magic))
	end := bytes.IndexByte(line, '\n')
	if !ok || end < 0 {
		return h, 0, ErrHeader
	}
	if err := json.Unmarshal(line[:end], &h); err != nil {
		return h, 0, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	if err := h.check(); err != nil {
		return h, 0, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	size = len(Magic) + end + 1
	if same, err := h.pack(); err != nil || !bytes.Equal(same, b[:size]) {
		return h, 0, fmt.Errorf("%w: it was changed", ErrHeader)
	}
	return h, size, nil
}

// digestOf is what frames are bound to.
func digestOf(header []byte) [sha256.Size]byte { return sha256.Sum256(header) }
