package configs

import (
	"fmt"
	"strings"
	"unicode"
)

// A Fault is one thing that is wrong with a configuration file.
type Fault struct {
	File    string // as it was named to Load or Parse
	Line    int    // from 1
	Column  int    // from 1, in characters
	Key     string // dotted path, such as sip.trunks.listen[0]; empty: the file as a whole
	Problem string // what is wrong
	Want    string // what would be right
	Excerpt string // the line with the one before it and a mark under the column; no newline at its end
}

// String is FILE:LINE: key: what is wrong, what would be right. It has one line.
func (f Fault) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: ", f.File, f.Line)
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Problem)
	if f.Want != "" {
		b.WriteString(", " + f.Want)
	}
	return b.String()
}

// Faults is everything that is wrong with a file, in the order of the file.
type Faults []Fault

// Error gives each fault a line, without excerpts.
func (l Faults) Error() string {
	lines := make([]string, len(l))
	for i, f := range l {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Long is each fault with the excerpt under it, for people at a terminal.
func (l Faults) Long() string {
	var b strings.Builder
	for _, f := range l {
		b.WriteString(f.String() + "\n")
		if f.Excerpt != "" {
			b.WriteString(f.Excerpt + "\n")
		}
	}
	return b.String()
}

// A spot is a place in the source.
type spot struct{ line, column int }

// A source is the text a File was read from and where its keys stand.
type source struct {
	name  string
	lines []string
	spots map[string]spot   // by dotted path
	texts map[string]string // scalars as written, before ${FILE:…} is filled in
}

func newSource(name string, data []byte) *source {
	return &source{
		name:  name,
		lines: strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n"),
		spots: make(map[string]spot),
		texts: make(map[string]string),
	}
}

// find gives the place of a path, or of the nearest thing around it that is in the file.
func (s *source) find(path string) (at spot, exact bool) {
	for p := path; p != ""; p = parent(p) {
		if at, ok := s.spots[p]; ok {
			return at, p == path
		}
	}
	return spot{1, 1}, path == ""
}

// parent cuts the last step off a path: a.b[2] → a.b → a → "".
func parent(path string) string {
	return path[:max(0, strings.LastIndexAny(path, ".["))]
}

// fault makes a Fault whose place is surely inside the file, whatever the parser says.
func (s *source) fault(at spot, key, problem, want string) Fault {
	at.line = min(max(at.line, 1), len(s.lines))
	at.column = min(max(at.column, 1), len([]rune(s.lines[at.line-1]))+1)
	return Fault{File: s.name, Line: at.line, Column: at.column, Key: key,
		Problem: problem, Want: want, Excerpt: s.excerpt(at)}
}

// excerpt shows the line, the one before it, and a mark under the column.
func (s *source) excerpt(at spot) string {
	var b strings.Builder
	for n := max(1, at.line-1); n <= at.line; n++ {
		fmt.Fprintf(&b, "%5d | %s\n", n, clean(s.lines[n-1]))
	}
	head := []rune(clean(s.lines[at.line-1]))[:at.column-1]
	for i, r := range head { // tabs stay, so that the mark stands right however wide they are
		if r != '\t' {
			head[i] = ' '
		}
	}
	b.WriteString("      | " + string(head) + "^")
	return b.String()
}

// clean takes out of a line what could move a terminal's cursor. The count of characters stays.
func clean(line string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(line, "?"))
}

// Position is the line, from 1, where a dotted path such as sip.trunks.listen[0] stands. Where
// the file does not have it, because a default holds, it is the line of what is around it, and
// ok is false.
func (f *File) Position(path string) (line int, ok bool) {
	if f.source == nil {
		return 1, false
	}
	at, ok := f.source.find(path)
	return at.line, ok
}

// Fault makes a complaint about a path that was found elsewhere: a port in use, a folder that
// cannot be written.
func (f *File) Fault(path, problem, want string) Fault {
	if f.source == nil {
		return Fault{File: DefaultPath, Line: 1, Column: 1, Key: path, Problem: problem, Want: want}
	}
	at, _ := f.source.find(path)
	return f.source.fault(at, path, problem, want)
}
