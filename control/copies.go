package control

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"hotline/call/wire"
)

// What the commands of citizens' copies send and get.
type (
	// CopyFind says which call is looked for.
	CopyFind = wire.CopyFind
	// CopyRequest registers a request.
	CopyRequest = wire.CopyRequest
	// CopyMake says how a copy is made.
	CopyMake = wire.CopyMake
	// CopyClose ends a request.
	CopyClose = wire.CopyClose
	// Copy is one request.
	Copy   = wire.Copy
	Copies = wire.Copies
	// CopyCalls are the calls that were found.
	CopyCalls = wire.CopyCalls
)

// FindCopy finds the calls of which a copy may be asked for.
func (c *Client) FindCopy(ctx context.Context, ask CopyFind) (found CopyCalls, err error) {
	err = c.do(ctx, http.MethodPost, "copies/find", ask, &found)
	return found, err
}

// RequestCopy registers a request for a copy.
func (c *Client) RequestCopy(ctx context.Context, ask CopyRequest) (made Copy, err error) {
	err = c.do(ctx, http.MethodPost, "copies", ask, &made)
	return made, err
}

// Copies lists requests for copies; all: closed ones too.
func (c *Client) Copies(ctx context.Context, all bool) (Copies, error) {
	return get[Copies](ctx, c, "copies?all="+strconv.FormatBool(all))
}

// Copy is one request with its history.
func (c *Client) Copy(ctx context.Context, number string) (Copy, error) {
	return get[Copy](ctx, c, "copies/"+url.PathEscape(number))
}

// CloseCopy ends a request: it was delivered, or is refused.
func (c *Client) CloseCopy(ctx context.Context, number string, ask CopyClose) (now Copy, err error) {
	err = c.do(ctx, http.MethodPost, "copies/"+url.PathEscape(number), ask, &now)
	return now, err
}

// MakeCopy writes the copy as a ZIP.
func (c *Client) MakeCopy(ctx context.Context, w io.Writer, number string, ask CopyMake) error {
	return c.do(ctx, http.MethodPost, "copies/"+url.PathEscape(number)+"/bundle", ask, w)
}
