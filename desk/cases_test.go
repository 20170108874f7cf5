package desk

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"hotline/call/wire"
)

type casesOf struct{ *house }

func (h casesOf) List(_ context.Context, f wire.CaseFilter) ([]wire.Case, error) {
	h.did = append(h.did, fmt.Sprintf("cases %+v", f))
	return []wire.Case{{Number: "2026-000001", State: "registered"}}, h.fail
}

func (h casesOf) Show(_ context.Context, number string, l wire.CaseLook) (wire.CaseStory, error) {
	h.did = append(h.did, fmt.Sprintf("case %s %+v", number, l))
	return wire.CaseStory{History: []wire.CaseNote{}}, h.fail
}

func (h casesOf) Change(_ context.Context, number string, to wire.CaseChange) (wire.Case, error) {
	h.did = append(h.did, fmt.Sprintf("change %s by %s", number, to.By))
	return wire.Case{Number: number}, h.fail
}

func (h casesOf) Tasks(_ context.Context, all bool) ([]wire.Task, error) {
	h.did = append(h.did, fmt.Sprintf("tasks %v", all))
	return []wire.Task{}, h.fail
}

func (h casesOf) TaskDone(_ context.Context, prefix string, by wire.TaskDone) (wire.Task, error) {
	h.did = append(h.did, "done "+prefix+" by "+by.By)
	return wire.Task{ID: prefix}, h.fail
}

func TestCasesAreAskedForAndChanged(t *testing.T) {
	for _, c := range []struct {
		method, path, body string
		status             int
		did                string
	}{
		{"GET", "cases", "", 200, "cases {By: State: Unit: Overdue:false Confidential:false Limit:100}"},
		{"GET", "cases?by=aysel&state=answered&unit=legal&overdue=true&confidential=1&limit=5", "", 200, "cases {By:aysel State:answered Unit:legal Overdue:true Confidential:true Limit:5}"},
		{"GET", "cases?state=lost", "", 422, ""},
		{"GET", "cases?limit=0", "", 422, ""},
		{"GET", "cases?overdue=perhaps", "", 422, ""},
		{"GET", "cases?confidential=perhaps", "", 422, ""},
		{"GET", "cases/2026-000001?by=a&numbers=true", "", 200, "case 2026-000001 {By:a Confidential:false Numbers:true}"},
		{"GET", "cases/2026-000001?numbers=perhaps", "", 422, ""},
		{"POST", "cases/2026-000001", `{"by": " a ", "assign": "legal"}`, 200, "change 2026-000001 by a"},
		{"POST", "cases/2026-000001", `{"by": "a"}`, 422, ""},
		{"POST", "cases/2026-000001", `{"by": "a", "assign": "legal", "term": "study"}`, 422, ""},
		{"POST", "cases/2026-000001", `{"by": "a", "delete": true}`, 422, ""},
		{"GET", "tasks?all=true", "", 200, "tasks true"},
		{"GET", "tasks?all=perhaps", "", 422, ""},
		{"POST", "tasks/019/done", `{"by": "a"}`, 200, "done 019 by a"},
	} {
		h := &house{}
		res, body := ask(t, newDesk(h).API(), c.method, "/api/v1/"+c.path, c.body)
		if res.StatusCode != c.status || strings.Join(h.did, ";") != c.did {
			t.Errorf("%s %s %s: %s, %q\n%s", c.method, c.path, c.body, res.Status, h.did, body)
		}
	}
	h := &house{fail: fmt.Errorf("case 1: %w", ErrNotFound)}
	if res, _ := ask(t, newDesk(h).API(), "GET", "/api/v1/cases/1", ""); res.StatusCode != 404 {
		t.Errorf("a case that is not there: %s", res.Status)
	}
	if res, _ := ask(t, New(Options{}).API(), "GET", "/api/v1/cases", ""); res.StatusCode != 503 {
		t.Errorf("without a server: %s", res.Status)
	}
}
