package control

import (
	"context"
	"net/url"
	"time"

	"hotline/call/wire"
)

// What the commands of recordings get.
type (
	// Recordings are those that there are.
	Recordings = wire.Recordings
	// Shown is what is to be seen of one.
	Shown = wire.Shown
	// Verification is what is wrong with them.
	Verification = wire.Verification
)

// Recordings lists recordings.
func (c *Client) Recordings(ctx context.Context) (wire.Recordings, error) {
	return get[wire.Recordings](ctx, c, "recordings")
}

// Verify checks every recording.
func (c *Client) Verify(ctx context.Context) (wire.Verification, error) {
	return get[wire.Verification](ctx, c, "recordings/verify")
}

// VerifyAway reads back all copies that lie away from the machine.
func (c *Client) VerifyAway(ctx context.Context) (wire.AwayVerification, error) {
	return get[wire.AwayVerification](ctx, c, "recordings/away/verify")
}

// Evidence is the node's public key and where the recordings' chain ends.
func (c *Client) Evidence(ctx context.Context) (wire.Evidence, error) {
	return get[wire.Evidence](ctx, c, "recordings/evidence")
}

// Completeness proves that each answered call that arrived since has a recording or a reason; zero: all.
func (c *Client) Completeness(ctx context.Context, since time.Time) (wire.Completeness, error) {
	q := url.Values{}
	if !since.IsZero() {
		q.Set("since", since.Format(time.RFC3339Nano))
	}
	return get[wire.Completeness](ctx, c, "recordings/completeness?"+q.Encode())
}

// Recording tells how loud a recording is, and what happened in it.
func (c *Client) Recording(ctx context.Context, id string) (Shown, error) {
	return get[Shown](ctx, c, "recordings/"+url.PathEscape(id)+"/picture")
}
