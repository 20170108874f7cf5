package control

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"hotline/call/wire"
)

// What the commands of the gate send and get.
type (
	// NewBlock keeps a number out.
	NewBlock = wire.NewBlock
	// NewSwitch switches something on for all callers.
	NewSwitch = wire.NewSwitch
	// Incident is what callers are told of one.
	Incident = wire.Incident
	// Switch is something that is on.
	Switch   = wire.Switch
	Switches = wire.Switches
	Blocks   = wire.Blocks
	// Surveys are what callers have answered.
	Surveys = wire.Surveys
)

// Blocks shows who is kept out; all: also who was; numbers: whole.
func (c *Client) Blocks(ctx context.Context, all, numbers bool) (wire.Blocks, error) {
	return get[wire.Blocks](ctx, c, "blocks?all="+strconv.FormatBool(all)+"&numbers="+strconv.FormatBool(numbers))
}

// Block keeps a number out.
func (c *Client) Block(ctx context.Context, b NewBlock) error {
	return c.do(ctx, http.MethodPost, "blocks", b, nil)
}

// Unblock lets a number in again.
func (c *Client) Unblock(ctx context.Context, number, by string) error {
	return c.do(ctx, http.MethodPost, "blocks/lift", wire.Unblock{Number: number, By: by}, nil)
}

// Switches shows what is on for all callers.
func (c *Client) Switches(ctx context.Context) (wire.Switches, error) {
	return get[wire.Switches](ctx, c, "switches")
}

// SwitchOn switches something on for all callers: challenge, incident.
func (c *Client) SwitchOn(ctx context.Context, name string, s NewSwitch) error {
	return c.do(ctx, http.MethodPost, "switches/"+url.PathEscape(name), s, nil)
}

// SwitchOff switches it off.
func (c *Client) SwitchOff(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodPost, "switches/"+url.PathEscape(name)+"/off", nil, nil)
}

// Surveys sums up what callers have answered since a time.
func (c *Client) Surveys(ctx context.Context, since time.Time) (wire.Surveys, error) {
	return get[wire.Surveys](ctx, c, "surveys?"+url.Values{"since": {since.Format(time.RFC3339Nano)}}.Encode())
}
