package queue

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// withMarker names the types that have the method by which events, or commands, are known.
func withMarker(t *testing.T, marker string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, file := range []string{"events.go", "commands.go"} {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Name.Name == marker {
				found[f.Recv.List[0].Type.(*ast.Ident).Name] = true
			}
		}
	}
	return found
}

func checkCodecs[I any](t *testing.T, marker string, codecs []codec[I]) {
	t.Helper()
	missing := withMarker(t, marker)
	if len(missing) < 15 {
		t.Fatalf("only %d types with %s() were found", len(missing), marker)
	}
	kinds := map[string]bool{}
	for _, c := range codecs {
		if kinds[c.kind] {
			t.Errorf("the kind %q stands there twice", c.kind)
		}
		kinds[c.kind] = true
		delete(missing, c.of.Name())
	}
	for name := range missing {
		t.Errorf("%s cannot be written: it is in no codec", name)
	}
}

func TestEveryEventAndCommandCanBeWritten(t *testing.T) {
	checkCodecs(t, "event", eventCodecs)
	checkCodecs(t, "command", commandCodecs)
}

// fill puts something into every field.
func fill(r *rand.Rand, v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(r.Int64N(4e9), r.Int64N(1e9)).UTC()))
		return
	case error:
		v.Set(reflect.ValueOf(errors.New("a reason")))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(r, v.Field(i))
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(r, v.Index(i))
		}
	case reflect.String:
		v.SetString(fmt.Sprint("text ", r.IntN(1e6)))
	case reflect.Bool:
		v.SetBool(r.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(r.Int64())
	case reflect.Interface: // Refused.Err
		v.Set(reflect.ValueOf(errors.New("a reason")))
	default:
		panic(v.Type())
	}
}

func TestEventsComeBackAsTheyWere(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 50 {
		for _, c := range eventCodecs {
			v := reflect.New(c.of).Elem()
			fill(r, v)
			kind, b, err := EncodeEvent(v.Interface().(Event))
			if err != nil {
				t.Fatal(err)
			}
			back, err := DecodeEvent(kind, b)
			if err != nil || kind != c.kind || !reflect.DeepEqual(back, v.Interface()) {
				t.Fatalf("%s: %v\n got %+v\nwant %+v\n%s", c.kind, err, back, v.Interface(), b)
			}
		}
	}
	if _, err := DecodeEvent("of next year", []byte("{}")); !errors.Is(err, ErrNoKind) {
		t.Errorf("an unknown kind: %v", err)
	}
}

func TestCommandsComeBackAsTheyWere(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	for range 50 {
		var all []Command
		for _, c := range commandCodecs {
			v := reflect.New(c.of).Elem()
			fill(r, v)
			if c.kind != "wake" { // it is of the moment, and left out
				all = append(all, v.Interface().(Command))
			}
		}
		b, err := EncodeCommands(append(all, Wake{noon}))
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeCommands(b)
		if err != nil || !reflect.DeepEqual(back, all) {
			t.Fatalf("%v\n got %+v\nwant %+v", err, back, all)
		}
	}
	if _, err := DecodeCommands([]byte(`[{"kind":"of next year","is":{}}]`)); !errors.Is(err, ErrNoKind) {
		t.Errorf("an unknown kind: %v", err)
	}
}
