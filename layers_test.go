// Package hotline_test holds the house's own rules as tests: who may import whom, and what no
// log line may carry.
package hotline_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A room is one row of the table in docs/architecture.md.
type room struct {
	may    []string // rooms of ours that it may import directly
	why    string
	thirds []string // libraries that only this room and app may import
}

// rooms is the house. A sub-package counts as its parent. A room that is not here may import
// nothing of ours and be imported by nobody.
var rooms = map[string]room{
	"call":      {why: "the words: everybody speaks them, so they know nobody"},
	"phone":     {why: "a foreign telephone must not share our bugs"},
	"configs":   {may: []string{"call"}, why: "a file's shape needs no machine"},
	"media":     {may: []string{"call"}, why: "sound knows packets, not who called"},
	"store":     {may: []string{"call"}, why: "rows know no telephones", thirds: []string{"modernc.org/sqlite", "github.com/pressly/goose"}},
	"control":   {may: []string{"call"}, why: "the commands' client carries words, not insides"},
	"queue":     {may: []string{"call"}, why: "decides and does nothing"},
	"sip":       {may: []string{"call", "media"}, why: "an INVITE needs a port for its sound", thirds: []string{"github.com/emiago/sipgo"}},
	"prompts":   {may: []string{"call", "media"}, why: "clips are coded once, by media's tables"},
	"ivr":       {may: []string{"call", "prompts"}, why: "plays and listens"},
	"floor":     {may: []string{"call", "queue"}, why: "runs the queue"},
	"recording": {may: []string{"call", "media"}, why: "decodes what the tap brings, by media's tables", thirds: []string{"filippo.io/age", "github.com/minio/minio-go"}},
	"line":      {may: []string{"call", "ivr", "queue", "recording", "prompts"}, why: "tells a call's story without knowing the wires"},
	"cases":     {may: []string{"call"}, why: "terms and letters know no telephones and no rows", thirds: []string{"github.com/wneessen/go-mail"}},
	"status":    {may: []string{"call"}, why: "asks a system that knows no telephones"},
	"backup":    {may: []string{"call", "store"}, why: "copies files, and rows as the store says; what they mean is told it"},
	"desk":      {may: []string{"call", "queue", "media"}, why: "shows and presses"},
	"app": {may: []string{"call", "media", "sip", "prompts", "store", "configs", "ivr", "queue", "floor", "recording", "cases", "status", "backup",
		"line", "desk", "phone", "control"}, why: "plugs it together"},
	"cmd":        {may: []string{"app", "configs", "control"}, why: "flags, signals and exit codes"},
	"bench":      {may: []string{"call", "media", "recording", "phone"}, why: "measures the shipped engine from outside the server"},
	"acceptance": {may: []string{"phone"}, why: "drives the built program from outside"},
	"deploy":     {why: "what runs beside us, loaded by tests"},
}

// An imported is one import of ours or of a guarded library, as found in the source.
type imported struct{ from, what, where string }

func TestImportsPointDown(t *testing.T) {
	for _, i := range importsBelow(t, ".") {
		if fault := forbidden(i); fault != "" {
			t.Errorf("%s: %s", i.where, fault)
		}
	}
}

// A table that forbids nothing would pass too: plant what must not be, and demand a fault.
func TestPlantedImportsAreFound(t *testing.T) {
	dir := t.TempDir()
	for name, source := range map[string]string{
		"queue/planted.go":     `package queue; import _ "hotline/sip"`,
		"line/planted.go":      `package line; import _ "hotline/store"`,
		"desk/planted.go":      `package desk; import _ "github.com/emiago/sipgo/sip"`,
		"cellar/planted.go":    `package cellar; import _ "hotline/call"`,
		"call/calltest/bad.go": `package calltest; import _ "hotline/media"`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(source), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	found := 0
	for _, i := range importsBelow(t, dir) {
		if forbidden(i) != "" {
			found++
		}
	}
	if found != 5 {
		t.Errorf("found %d of 5 planted imports", found)
	}
}

// forbidden says what is wrong with an import, or "".
func forbidden(i imported) string {
	r, known := rooms[i.from]
	if ours, ok := strings.CutPrefix(i.what, "hotline/"); ok {
		to, _, _ := strings.Cut(ours, "/")
		switch {
		case !known:
			return "room " + i.from + " is not in the table of rooms"
		case to != i.from && !slices.Contains(r.may, to):
			return i.from + " may not import " + to + " (" + r.why + ")"
		}
		return ""
	}
	for name, guard := range rooms {
		for _, lib := range guard.thirds {
			if (i.what == lib || strings.HasPrefix(i.what, lib+"/")) && i.from != name && i.from != "app" {
				return i.from + " may not import " + i.what + ": it stays inside " + name
			}
		}
	}
	return ""
}

func importsBelow(t *testing.T, dir string) (all []imported) {
	t.Helper()
	for _, path := range goFiles(t, dir) {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		rel, _ := filepath.Rel(dir, path)
		from, _, inRoom := strings.Cut(filepath.ToSlash(rel), "/")
		if !inRoom {
			continue // the tests of the house itself
		}
		for _, spec := range file.Imports {
			what, _ := strconv.Unquote(spec.Path.Value)
			all = append(all, imported{from: from, what: what, where: rel})
		}
	}
	return all
}

func goFiles(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == "hotline-data"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".go"):
			paths = append(paths, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// People call hotlines in trust: no log line above debug may carry a whole number, a key
// pressed or SDP. The names below are how such a value would get there.
func TestNoLogLineCarriesAPerson(t *testing.T) {
	for _, path := range goFiles(t, ".") {
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "phone/") {
			continue
		}
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			c, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			method, ok := c.Fun.(*ast.SelectorExpr)
			if !ok || !slices.Contains([]string{"Info", "Warn", "Error", "DPanic", "Panic", "Fatal"}, method.Sel.Name) {
				return true
			}
			for _, arg := range c.Args {
				ast.Inspect(arg, func(n ast.Node) bool {
					if s, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"Raw", "Digit", "From", "SDP", "Withheld"}, s.Sel.Name) {
						t.Errorf("%s: a log line above debug uses .%s", fset.Position(s.Pos()), s.Sel.Name)
					}
					return true
				})
			}
			return true
		})
	}
}
