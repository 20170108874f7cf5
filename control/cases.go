package control

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"hotline/call/wire"
)

// What the commands of cases send and get.
type (
	// CaseFilter is what a list of cases may ask for.
	CaseFilter = wire.CaseFilter
	// CaseLook is what a look at a case asks for.
	CaseLook = wire.CaseLook
	// CaseChange is what is done to a case.
	CaseChange = wire.CaseChange
	// Case is one matter of one citizen.
	Case  = wire.Case
	Cases = wire.Cases
	// CaseTasks are the citizens who are to be called.
	CaseTasks = wire.CaseTasks
)

// Cases lists cases, the newest first.
func (c *Client) Cases(ctx context.Context, f CaseFilter) (wire.Cases, error) {
	q := url.Values{
		"state": {f.State}, "unit": {f.Unit}, "overdue": {strconv.FormatBool(f.Overdue)}, "all": {strconv.FormatBool(f.All)},
		"confidential": {strconv.FormatBool(f.Confidential)}, "limit": {strconv.Itoa(f.Limit)},
		"by": {f.By},
	}
	return get[wire.Cases](ctx, c, "cases?"+q.Encode())
}

// Case shows one case with its history.
func (c *Client) Case(ctx context.Context, number string, look CaseLook) (Case, error) {
	q := url.Values{"confidential": {strconv.FormatBool(look.Confidential)}, "numbers": {strconv.FormatBool(look.Numbers)}, "by": {look.By}}
	return get[Case](ctx, c, "cases/"+url.PathEscape(number)+"?"+q.Encode())
}

// ChangeCase does something to a case.
func (c *Client) ChangeCase(ctx context.Context, number string, change CaseChange) (now Case, err error) {
	err = c.do(ctx, http.MethodPost, "cases/"+url.PathEscape(number), change, &now)
	return now, err
}

// CaseTasks lists the callbacks after investigations.
func (c *Client) CaseTasks(ctx context.Context, all bool) (wire.CaseTasks, error) {
	return get[wire.CaseTasks](ctx, c, "case-tasks?all="+strconv.FormatBool(all))
}
