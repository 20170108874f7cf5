package control

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"hotline/call/wire"
)

// What the commands about cases send.
type (
	// CaseFilter is what a list of cases may ask for.
	CaseFilter = wire.CaseFilter
	// CaseLook is how much of a case is to be seen.
	CaseLook = wire.CaseLook
	// CaseChange is what is to become of a case.
	CaseChange = wire.CaseChange
	// Case is one case.
	Case       = wire.Case
	CaseAnswer = wire.CaseAnswer
	CaseClose  = wire.CaseClose
	CaseExtend = wire.CaseExtend
)

// Cases lists cases, the newest first.
func (c *Client) Cases(ctx context.Context, f CaseFilter) (wire.Cases, error) {
	q := url.Values{
		"by": {f.By}, "state": {f.State}, "unit": {f.Unit}, "overdue": {strconv.FormatBool(f.Overdue)},
		"confidential": {strconv.FormatBool(f.Confidential)},
	}
	if f.Limit > 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return get[wire.Cases](ctx, c, "cases?"+q.Encode())
}

// Case shows one case and its history.
func (c *Client) Case(ctx context.Context, number string, l CaseLook) (wire.CaseStory, error) {
	q := url.Values{"by": {l.By}, "confidential": {strconv.FormatBool(l.Confidential)}, "numbers": {strconv.FormatBool(l.Numbers)}}
	return get[wire.CaseStory](ctx, c, "cases/"+url.PathEscape(number)+"?"+q.Encode())
}

// ChangeCase does one thing with a case.
func (c *Client) ChangeCase(ctx context.Context, number string, to CaseChange) (now wire.Case, err error) {
	err = c.do(ctx, http.MethodPost, "cases/"+url.PathEscape(number), to, &now)
	return now, err
}

// Tasks lists what is to be done for cases; all: also what was done.
func (c *Client) Tasks(ctx context.Context, all bool) (wire.Tasks, error) {
	return get[wire.Tasks](ctx, c, "tasks?all="+strconv.FormatBool(all))
}

// TaskDone says that a task was done; the beginning of its id is enough.
func (c *Client) TaskDone(ctx context.Context, id, by string) (done wire.Task, err error) {
	err = c.do(ctx, http.MethodPost, "tasks/"+url.PathEscape(id)+"/done", wire.TaskDone{By: by}, &done)
	return done, err
}
