package desk

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"hotline/call/wire"
)

// Copies is what citizens have asked for of their recordings, and what has become of it.
type Copies interface {
	Find(ctx context.Context, ask wire.CopyFind) ([]wire.CopyCall, error)
	Request(ctx context.Context, ask wire.CopyRequest) (wire.Copy, error)
	Copies(ctx context.Context, all bool) ([]wire.Copy, error)
	Copy(ctx context.Context, number string) (wire.Copy, error)
	Close(ctx context.Context, number string, ask wire.CopyClose) (wire.Copy, error)

	// Make writes the copy as a ZIP. Nothing is written before who asks has been written down, and nothing
	// where it returns an error that the request is to blame for.
	Make(ctx context.Context, w io.Writer, number string, ask wire.CopyMake) error
}

// trimmed takes the spaces off texts.
func trimmed(texts ...*string) {
	for _, t := range texts {
		*t = strings.TrimSpace(*t)
	}
}

// longestText is the longest text that a person writes into the register, in bytes.
const longestText = 2000

// texts says which of them is missing or too long, the first by the alphabet first.
func texts(list map[string]string) error {
	for _, what := range slices.Sorted(maps.Keys(list)) {
		if text := list[what]; text == "" || len(text) > longestText {
			return fmt.Errorf("%w: %s is needed, in 1 to %d bytes", ErrInvalid, what, longestText)
		}
	}
	return nil
}

func (d *Desk) findCopy(r *http.Request) (any, error) {
	var in wire.CopyFind
	if err := body(r, &in); err != nil {
		return nil, err
	}
	trimmed(&in.Number, &in.Date, &in.Case, &in.By)
	if err := texts(map[string]string{"by, who looks,": in.By}); err != nil {
		return nil, err
	}
	if in.Case == "" && (in.Number == "" || in.Date == "") {
		return nil, fmt.Errorf("%w: a call is found by number and date, or by the number of a case", ErrInvalid)
	}
	list, err := d.o.Copies.Find(r.Context(), in)
	return wire.CopyCalls{Calls: list}, err
}

func (d *Desk) requestCopy(r *http.Request) (any, error) {
	var in wire.CopyRequest
	if err := body(r, &in); err != nil {
		return nil, err
	}
	trimmed(&in.Call, &in.Case, &in.Name, &in.Checked, &in.By, &in.Why)
	if err := texts(map[string]string{"call": in.Call, "checked_by, who saw that it is the caller who asks,": in.Checked, "by": in.By, "why": in.Why}); err != nil {
		return nil, err
	}
	if len(in.Name) > longestText || len(in.Case) > longestText {
		return nil, fmt.Errorf("%w: name and case have at most %d bytes", ErrInvalid, longestText)
	}
	id, err := d.o.Calls.Find(r.Context(), in.Call)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", in.Call, err)
	}
	in.Call = string(id)
	return d.o.Copies.Request(r.Context(), in)
}

func (d *Desk) copies(r *http.Request) (any, error) {
	all, err := flagOf(r, "all")
	if err != nil {
		return nil, err
	}
	list, err := d.o.Copies.Copies(r.Context(), all)
	return wire.Copies{Copies: list}, err
}

func (d *Desk) showCopy(r *http.Request) (any, error) {
	return d.o.Copies.Copy(r.Context(), r.PathValue("number"))
}

func (d *Desk) closeCopy(r *http.Request) (any, error) {
	var in wire.CopyClose
	if err := body(r, &in); err != nil {
		return nil, err
	}
	trimmed(&in.By, &in.Text)
	if in.Do != "deliver" && in.Do != "refuse" {
		return nil, fmt.Errorf("%w: a request is delivered or refused", ErrInvalid)
	}
	if err := texts(map[string]string{"by": in.By, "how it was delivered, or why it is refused,": in.Text}); err != nil {
		return nil, err
	}
	return d.o.Copies.Close(r.Context(), r.PathValue("number"), in)
}

// makeCopy streams the ZIP: an hour of sound is too much to hold.
func (d *Desk) makeCopy(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, bodyLimit)
	var in wire.CopyMake
	err := body(r, &in)
	trimmed(&in.By, &in.Silence)
	if err == nil {
		err = texts(map[string]string{"by": in.By})
	}
	if err == nil && d.o.Copies == nil {
		err = errNoServer
	}
	if err != nil {
		d.problem(w, r, err)
		return
	}
	d.stream(w, r, "application/zip", func(out io.Writer) error {
		return d.o.Copies.Make(r.Context(), out, r.PathValue("number"), in)
	})
}
