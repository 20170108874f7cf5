package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"hotline/call/wire"
)

// What the commands of holds, erasing and access send and get.
type (
	// HoldFilter is what a list of holds may ask for.
	HoldFilter = wire.HoldFilter
	// NewHold keeps recordings from being erased.
	NewHold = wire.NewHold
	// Hold is one that there is.
	Hold  = wire.Hold
	Holds = wire.Holds
	// Decision is who decides, with whom and why.
	Decision = wire.Decision
	// Purge is what would be erased now.
	Purge = wire.Purge
	// Certificate is what has been erased.
	Certificate = wire.Certificate
	// AccessFilter is what a list of accesses may ask for.
	AccessFilter = wire.AccessFilter
	// Accesses are those who asked for recordings.
	Accesses           = wire.Accesses
	AccessVerification = wire.AccessVerification
	// Listen is who wants to hear a recording, and why.
	Listen = wire.Listen
	// Disk is when the disk will be full.
	Disk = wire.Disk
)

// Holds lists what keeps recordings from being erased.
func (c *Client) Holds(ctx context.Context, f HoldFilter) (wire.Holds, error) {
	q := url.Values{"all": {strconv.FormatBool(f.All)}, "call": {f.Call}, "number": {f.Number}}
	return get[wire.Holds](ctx, c, "holds?"+q.Encode())
}

// Hold keeps recordings from being erased.
func (c *Client) Hold(ctx context.Context, h NewHold) (made Hold, err error) {
	err = c.do(ctx, http.MethodPost, "holds", h, &made)
	return made, err
}

// LiftHold lets them go.
func (c *Client) LiftHold(ctx context.Context, id int64, d Decision) (lifted Hold, err error) {
	err = c.do(ctx, http.MethodPost, "holds/"+strconv.FormatInt(id, 10)+"/lift", d, &lifted)
	return lifted, err
}

// PurgePlan says what would be erased now, and what comes due next.
func (c *Client) PurgePlan(ctx context.Context) (Purge, error) { return get[Purge](ctx, c, "purge") }

// PurgeOne erases the recording of one call before its time.
func (c *Client) PurgeOne(ctx context.Context, id string, d Decision) (done Certificate, err error) {
	err = c.do(ctx, http.MethodPost, "recordings/"+url.PathEscape(id)+"/purge", d, &done)
	return done, err
}

// ClockIsRight vouches for the clock by which recordings are erased.
func (c *Client) ClockIsRight(ctx context.Context, d Decision) error {
	return c.do(ctx, http.MethodPost, "purge/clock", d, nil)
}

// Accesses lists who asked for recordings, the oldest first.
func (c *Client) Accesses(ctx context.Context, f AccessFilter) (Accesses, error) {
	q := url.Values{"call": {f.Call}, "who": {f.Who}, "limit": {strconv.Itoa(f.Most)}}
	return get[Accesses](ctx, c, "accesses?"+q.Encode())
}

// VerifyAccesses proves that the log of accesses was not changed.
func (c *Client) VerifyAccesses(ctx context.Context) (AccessVerification, error) {
	return get[AccessVerification](ctx, c, "accesses/verify")
}

// Sound writes the sound of a recording, a WAV file, to w.
func (c *Client) Sound(ctx context.Context, id string, ask Listen, w io.Writer) error {
	return c.sound(ctx, "recordings/"+url.PathEscape(id), ask, w)
}

// Message does the same with what was left for a case.
func (c *Client) Message(ctx context.Context, number string, ask Listen, w io.Writer) error {
	return c.sound(ctx, "cases/"+url.PathEscape(number), ask, w)
}

func (c *Client) sound(ctx context.Context, of string, ask Listen, w io.Writer) error {
	q := url.Values{"do": {ask.Do}, "by": {ask.By}, "why": {ask.Why}}
	counted := &counter{w: w}
	err := c.do(ctx, http.MethodGet, of+"/sound?"+q.Encode(), nil, io.Writer(counted))
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("the sound broke off after %d bytes: %w", counted.n, err)
	}
	return err
}

// A DamagedError says that all of a sound was written, and that some of it is silence because the recording was
// damaged on its disk.
type DamagedError struct{ Lost string }

func (e *DamagedError) Error() string {
	return "the recording is damaged: " + e.Lost + " of it is lost and silent; hotline recording verify says more"
}

// A counter counts what it writes.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// Disk says when the disk will be full.
func (c *Client) Disk(ctx context.Context) (Disk, error) { return get[Disk](ctx, c, "disk") }
