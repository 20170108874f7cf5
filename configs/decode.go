package configs

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"hotline/call/spelling"
)

// A decoder lays a tree of YAML over a File and collects what does not fit.
type decoder struct {
	*source
	folder string // what relative paths in ${FILE:…} are relative to
	faults Faults
}

// A leaf is a type of ours that one word of the file makes.
type leaf interface{ parse(text string) error }

// A shorthand is a map that one word may stand for.
type shorthand interface{ short(text string) error }

// An entry is what a list or a map holds, with defaults of its own.
type entry interface{ defaults() }

func (d *decoder) fault(at spot, key, problem, want string) {
	d.faults = append(d.faults, d.source.fault(at, key, problem, want))
}

// parse gives the root of the file's tree; nil if the file says nothing. It does not panic,
// whatever the file holds: a panic of the parser is a fault of the file.
func (d *decoder) parse(data []byte) (root ast.Node) {
	defer func() {
		if r := recover(); r != nil {
			root = nil
			d.fault(spot{1, 1}, "", "this is not YAML that can be read", "compare with the sample")
		}
	}()
	tree, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at, text := spot{1, 1}, "this is not YAML"
		var told yaml.Error
		if errors.As(err, &told) {
			at, text = place(told.GetToken()), told.GetMessage()
		}
		d.fault(at, "", oneLine(text), "mend the YAML here or just above")
		return nil
	}
	docs := slices.DeleteFunc(tree.Docs, func(doc *ast.DocumentNode) bool { return empty(doc.Body) })
	if len(docs) == 0 {
		return nil
	}
	if len(docs) > 1 {
		d.fault(place(docs[1].Body.GetToken()), "", "a second document begins here", "keep everything in one")
	}
	return docs[0].Body
}

// empty reports whether a document has nothing but remarks.
func empty(n ast.Node) bool {
	switch n.(type) {
	case nil, *ast.CommentNode, *ast.CommentGroupNode:
		return true
	}
	return n.GetToken() == nil
}

func place(t *token.Token) spot {
	if t == nil || t.Position == nil {
		return spot{1, 1}
	}
	return spot{t.Position.Line, t.Position.Column}
}

// oneLine makes one line of what the parser says. It shows a tab as it is, which on a terminal
// would be a space.
func oneLine(s string) string {
	return strings.Join(strings.Fields(clean(strings.ReplaceAll(s, "\t", `\t`))), " ")
}

// node lays one node over v. at is where the node is to be looked for if the path is asked for.
func (d *decoder) node(n ast.Node, v reflect.Value, path string, at spot) {
	if path != "" {
		d.spots[path] = at
	}
	switch v.Kind() {
	case reflect.Struct, reflect.Map:
		if !isScalar(v) && !(isShort(v) && isWord(n)) {
			d.mapping(n, v, path)
			return
		}
	case reflect.Slice:
		if !isScalar(v) {
			d.sequence(n, v, path)
			return
		}
	}
	d.scalar(n, v, path)
}

// isScalar reports whether one word of the file makes the whole of v.
func isScalar(v reflect.Value) bool {
	switch v.Addr().Interface().(type) {
	case leaf, *netip.Prefix, *netip.Addr:
		return true
	}
	return false
}

// isShort reports whether one word of the file may make the whole of v.
func isShort(v reflect.Value) bool {
	_, ok := v.Addr().Interface().(shorthand)
	return ok
}

// isWord reports whether a node is one word.
func isWord(n ast.Node) bool {
	_, k := text(n)
	return k == plain || k == number
}

// pairs gives the keys and values of a mapping; false if it is none.
func pairs(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

func (d *decoder) mapping(n ast.Node, v reflect.Value, path string) {
	list, ok := pairs(n)
	if !ok {
		d.unfit(n, path, "a map", "write {} for an empty one, {KEY: VALUE}, or a line KEY: VALUE for each entry")
		return
	}
	if v.Kind() == reflect.Map {
		v.Set(reflect.MakeMap(v.Type()))
	}
	seen := make(map[string]int)
	for _, pair := range list {
		at := place(pair.Key.GetToken())
		key, ok := word(pair.Key)
		if !ok {
			d.fault(at, path, "a key here is no plain word", "write KEY: VALUE; anchors and merges are not known")
			continue
		}
		here := strings.TrimPrefix(path+"."+clean(key), ".")
		if line, twice := seen[key]; twice {
			d.fault(at, here, fmt.Sprintf("is here a second time, after line %d", line), "keep one")
			continue
		}
		seen[key] = at.line
		if v.Kind() == reflect.Map {
			d.mapEntry(pair.Value, v, key, here, at)
			continue
		}
		field, ok := fieldOf(v, key)
		if !ok {
			d.fault(at, here, "unknown key", suggest(key, keysOf(v.Type())))
			continue
		}
		d.node(pair.Value, field, here, at)
	}
}

// mapEntry reads the value of one key into a map, which takes whole values only.
func (d *decoder) mapEntry(n ast.Node, m reflect.Value, key, path string, at spot) {
	k := reflect.New(m.Type().Key()).Elem()
	if l, ok := k.Addr().Interface().(leaf); ok {
		if err := l.parse(key); err != nil {
			d.mistaken(err, path, at)
			return
		}
	} else {
		k.SetString(key)
	}
	d.spots[path] = at
	v := fresh(m.Type().Elem())
	d.node(n, v, path, at)
	m.SetMapIndex(k, v)
}

func (d *decoder) sequence(n ast.Node, v reflect.Value, path string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		d.unfit(n, path, "a list", "write [] for an empty one, [a, b], or a line beginning with - for each entry")
		return
	}
	out := reflect.MakeSlice(v.Type(), 0, len(seq.Values))
	for i, item := range seq.Values {
		one := fresh(v.Type().Elem())
		d.node(item, one, fmt.Sprintf("%s[%d]", path, i), d.start(item, path))
		out = reflect.Append(out, one)
	}
	v.Set(out)
}

// start is where an entry of a list begins. A mapping's own token is the colon behind its first
// key, so the key is asked.
func (d *decoder) start(n ast.Node, path string) spot {
	if list, ok := pairs(n); ok && len(list) > 0 {
		return place(list[0].Key.GetToken())
	}
	if n == nil || n.GetToken() == nil {
		return d.spots[path]
	}
	return place(n.GetToken())
}

// fresh makes a settable value of a type, with its defaults.
func fresh(t reflect.Type) reflect.Value {
	v := reflect.New(t)
	if e, ok := v.Interface().(entry); ok {
		e.defaults()
	}
	return v.Elem()
}

func (d *decoder) scalar(n ast.Node, v reflect.Value, path string) {
	at := d.start(n, path)
	raw, kind := text(n)
	if kind != plain && kind != number && !(kind == boolean && v.Kind() == reflect.Bool) {
		d.unfit(n, path, kindOf(v), exampleOf(v))
		return
	}
	d.texts[path] = raw
	value, err := d.fill(raw)
	if err == nil {
		err = set(v, value)
		if err != nil && value != raw { // what stands in a file may be a secret: it is not told
			err = wrong("compare with the sample", "what stands in %s does not fit here", quote(raw))
		}
	}
	if err != nil {
		d.mistaken(err, path, at)
	}
}

// set makes v of a word.
func set(v reflect.Value, word string) (err error) {
	switch to := v.Addr().Interface().(type) {
	case leaf:
		return to.parse(word)
	case shorthand:
		return to.short(word)
	case *netip.Prefix:
		*to, err = parsePrefix(word)
		return err
	case *netip.Addr:
		*to, err = parseAddr(word)
		return err
	}
	switch v.Kind() {
	case reflect.Bool:
		yes := strings.EqualFold(word, "true")
		if !yes && !strings.EqualFold(word, "false") {
			return wrong("write true or false", "%s is neither true nor false", quote(word))
		}
		v.SetBool(yes)
	case reflect.Int:
		n, err := parseInt(word)
		v.SetInt(int64(n))
		return err
	default:
		v.SetString(word)
	}
	return nil
}

func (d *decoder) mistaken(err error, path string, at spot) {
	var m *mistake
	if errors.As(err, &m) {
		d.fault(at, path, m.problem, m.want)
		return
	}
	d.fault(at, path, err.Error(), "")
}

// unfit tells that a node is of another kind than the key takes.
func (d *decoder) unfit(n ast.Node, path, takes, want string) {
	raw, kind := text(n)
	is := string(kind)
	if kind == plain || kind == number || kind == boolean {
		is = quote(raw)
	}
	at := d.start(n, path)
	if kind == nothing {
		at = d.spots[path] // the token of nothing stands on the next line
		if at == (spot{}) {
			at = spot{1, 1}
		}
	}
	d.fault(at, path, fmt.Sprintf("takes %s, not %s", takes, is), want)
}

// A kind is what a node of YAML is, in words.
type kind string

const (
	plain   kind = "text"
	number  kind = "a number"
	boolean kind = "true or false"
	nothing kind = "nothing"
	aMap    kind = "a map"
	aList   kind = "a list"
	other   kind = "an anchor, an alias or a tag"
)

// text gives a scalar as it is written, so that 012919 keeps its zero, and its kind.
func text(n ast.Node) (string, kind) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, plain
	case *ast.LiteralNode:
		return n.Value.Value, plain
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, number
	case *ast.BoolNode:
		return n.GetToken().Value, boolean
	case *ast.MappingNode:
		if len(n.Values) == 1 {
			return text(n.Values[0])
		}
		return "", aMap
	case *ast.MappingValueNode:
		// Quirk: inside braces the parser takes udp://127.0.0.1:5060 for the key udp://127.0.0.1
		// with the value 5060, though a colon makes a key only before a blank (YAML 1.2 §7.3.3).
		if key, ok := word(n.Key); ok && strings.Contains(key, "://") {
			if rest, kind := text(n.Value); kind == plain || kind == number {
				return key + ":" + rest, plain
			}
		}
		return "", aMap
	case *ast.SequenceNode:
		return "", aList
	case *ast.NullNode, nil:
		return "", nothing
	}
	return "", other
}

// word gives a key as it is written.
func word(key ast.MapKeyNode) (string, bool) {
	s, k := text(key)
	return s, k == plain || k == number || k == boolean
}

// kindOf and exampleOf say what a scalar takes, for somebody who wrote something else.
func kindOf(v reflect.Value) string {
	switch {
	case isScalar(v):
		return "one value"
	case v.Kind() == reflect.Bool:
		return "true or false"
	case v.Kind() == reflect.Int:
		return "a whole number"
	}
	return "a text"
}

func exampleOf(v reflect.Value) string {
	switch {
	case isScalar(v):
		return "write one value as in the sample, or leave the key out"
	case v.Kind() == reflect.Bool:
		return "write true or false"
	case v.Kind() == reflect.Int:
		return "write a whole number, or leave the key out"
	}
	return `write it in quotes, "" for an empty one, or leave the key out`
}

// fieldOf finds the field of a struct that a key names.
func fieldOf(v reflect.Value, key string) (reflect.Value, bool) {
	t := v.Type()
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag != "" && tag == key {
			return v.Field(i), true
		}
	}
	return reflect.Value{}, false
}

func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("yaml"); tag != "" {
			keys = append(keys, tag)
		}
	}
	return keys
}

// suggest says which known key an unknown one may have been meant to be.
func suggest(key string, known []string) string {
	if n := spelling.Nearest(key, known); n != "" {
		return "did you mean " + n + "?"
	}
	return "known here: " + strings.Join(known, ", ")
}

// maxSecret bounds what ${FILE:…} reads: a secret is a word, a disk image is a slip.
const maxSecret = 64 << 10

// fill puts the content of files in the place of each ${FILE:/path}.
func (d *decoder) fill(s string) (string, error) {
	const open = "${FILE:"
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(s, open)
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		path, after, closed := strings.Cut(rest, "}")
		if !closed || path == "" {
			return "", wrong("write ${FILE:/path}", "${FILE: has no path and } behind it")
		}
		secret, err := readSecret(d.folder, path)
		if err != nil {
			return "", err
		}
		out.WriteString(secret)
		s = after
	}
}

// readSecret reads a small regular file of text. A pipe or a device could make the start wait
// for ever.
func readSecret(folder, path string) (string, error) {
	const want = "name a readable file that holds the value and nothing else"
	if !filepath.IsAbs(path) {
		path = filepath.Join(folder, path)
	}
	cannot := func(why any) (string, error) { return "", wrong(want, "%s cannot be used: %v", quote(path), why) }
	info, err := os.Stat(path)
	if err != nil {
		return cannot(cause(err))
	}
	if !info.Mode().IsRegular() {
		return cannot("it is no regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return cannot(cause(err))
	}
	defer f.Close() //nolint:errcheck // only read
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	switch {
	case err != nil:
		return cannot(cause(err))
	case len(data) > maxSecret:
		return cannot(fmt.Sprintf("it is larger than %d kB", maxSecret>>10))
	case !utf8.Valid(data):
		return cannot("it is no text")
	}
	return strings.TrimRight(string(data), "\r\n"), nil
}

// cause is the reason of a file error without the path, which the message has already.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
