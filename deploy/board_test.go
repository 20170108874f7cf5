package deploy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A panel is one of the board's.
type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Datasource  struct {
		UID string `json:"uid"`
	} `json:"datasource"`
	Grid    struct{ H, W, X, Y int } `json:"gridPos"`
	Targets []query                  `json:"targets"`
	Field   struct {
		Defaults struct {
			Unit string `json:"unit"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
}

// A query is one line, or one figure, of a panel.
type query struct {
	Expr   string `json:"expr"`
	Legend string `json:"legendFormat"`
}

// panels reads the board.
func panels(t *testing.T) []panel {
	t.Helper()
	var board struct {
		UID, Title string
		Schema     int `json:"schemaVersion"`
		Templating struct {
			List []struct{ Name string }
		}
		Panels []panel
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/hotline.json")), &board); err != nil {
		t.Fatal(err)
	}
	if board.UID == "" || board.Title == "" || board.Schema < 36 || len(board.Templating.List) != 2 || len(board.Panels) == 0 {
		t.Fatalf("the board is %q, %q, schema %d, with %d variables and %d panels", board.UID, board.Title, board.Schema, len(board.Templating.List), len(board.Panels))
	}
	return board.Panels
}

// withValues puts in for the board's variables what Grafana would.
func withValues(expr string) string {
	return strings.NewReplacer("$queue", ".*", "$__rate_interval", "1m").Replace(expr)
}

// What supervisors must see is on the board, each thing in a place of its own, with its unit and a
// word on what it is.
func TestBoardHasItsPanels(t *testing.T) {
	all := panels(t)
	ids := map[int]string{}
	for i, p := range all {
		if other, twice := ids[p.ID]; twice {
			t.Errorf("%q and %q have the same id", p.Title, other)
		}
		ids[p.ID] = p.Title
		for _, o := range all[:i] {
			if p.Grid.X < o.Grid.X+o.Grid.W && o.Grid.X < p.Grid.X+p.Grid.W && p.Grid.Y < o.Grid.Y+o.Grid.H && o.Grid.Y < p.Grid.Y+p.Grid.H {
				t.Errorf("%q lies over %q", p.Title, o.Title)
			}
		}
		if p.Grid.X+p.Grid.W > 24 || p.Grid.W == 0 || p.Grid.H == 0 {
			t.Errorf("%q is at %+v of 24 columns", p.Title, p.Grid)
		}
		if p.Type != "row" && (p.Title == "" || p.Description == "" || p.Field.Defaults.Unit == "" || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0) {
			t.Errorf("panel %d %q lacks something: %+v", p.ID, p.Title, p)
		}
	}
	for _, series := range []string{
		"hotline_queue_waiting", "hotline_queue_longest_wait_seconds", "queue:hotline_service_level:ratio30m", "queue:hotline_service_level_answered:ratio30m",
		"queue:hotline_service_level_all:ratio30m", "hotline_operators", "hotline_queue_offered_total", "hotline_sip_trunk_up",
		"hotline_recording_active", "hotline_recording_missing_total", "hotline_callbacks_open", "queue:hotline_abandon_rate:ratio30m",
	} {
		if !slices.ContainsFunc(all, func(p panel) bool {
			return slices.ContainsFunc(p.Targets, func(q query) bool { return strings.Contains(q.Expr, series) })
		}) {
			t.Errorf("%s is nowhere on the board", series)
		}
	}
}

// Each query is one that Prometheus understands, asks for series that exist, and its legend speaks
// of labels that its answer has.
func TestBoardAsksForWhatThereIs(t *testing.T) {
	series, recorded := known(t), recorded(t)
	var file strings.Builder
	file.WriteString("groups:\n- name: board\n  rules:\n")
	for _, p := range panels(t) {
		for i, q := range p.Targets {
			expr := withValues(q.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s: %s has a variable that the board does not", p.Title, q.Expr)
			}
			for _, fault := range unknown(expr, series, recorded) {
				t.Errorf("%s: %s", p.Title, fault)
			}
			for _, label := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(q.Legend, -1) {
				by := regexp.MustCompile(`by \(([^)]*)\)`).FindStringSubmatch(expr)
				of := []string{"queue"} // of what is recorded
				if by != nil {
					of = strings.Split(by[1], ", ")
				}
				if !slices.Contains(of, label[1]) {
					t.Errorf("%s: the legend %q speaks of %s, the answer has %q", p.Title, q.Legend, label[1], of)
				}
			}
			fmt.Fprintf(&file, "  - record: board:panel%d:q%d\n    expr: %q\n", p.ID, i, expr)
		}
	}
	path := filepath.Join(t.TempDir(), "board.yml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("promtool", "check", "rules", path).CombinedOutput(); err != nil {
		t.Errorf("a query of the board is none: %v\n%s", err, out)
	}
}
