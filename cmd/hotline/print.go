package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"hotline/app"
	"hotline/control"
)

// printJSON prints one value and nothing else.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printTable prints rows in columns; the first row is the heading.
func printTable(w io.Writer, rows [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(tw, strings.Join(r, "\t"))
	}
	return tw.Flush()
}

// progress tells how far a long command has come: once a second, on standard error.
func (t *terminal) progress(what string) func(done, total int) {
	last := time.Now()
	return func(done, total int) {
		if now := time.Now(); now.Sub(last) >= time.Second {
			last = now
			fmt.Fprintf(t.err, "%d of %d %s\n", done, total, what)
		}
	}
}

// running is the client of the running server; it fails with control.ErrNoServer without one.
func running(path string) (*control.Client, error) {
	file, err := load(path)
	if err != nil {
		return nil, err
	}
	return control.Dial(file.Data)
}

// withClient runs f against the running server, or where none runs, against the data folder,
// which is locked meanwhile.
func withClient(path string, f func(*control.Client) error) error {
	file, err := load(path)
	if err != nil {
		return err
	}
	client, done, err := app.Client(file)
	if err != nil {
		return err
	}
	defer done()
	return f(client)
}

// show asks the running server and prints its answer, as JSON or as text does it.
func show[A any](t *terminal, f fileFlag, o outFlag, ask func(*control.Client) (A, error), text func(A) error) error {
	client, err := running(f.Config)
	if err != nil {
		return err
	}
	return answer(t, o, client, ask, text)
}

// look is show for what can be seen with no server running, too.
func look[A any](t *terminal, f fileFlag, o outFlag, ask func(*control.Client) (A, error), text func(A) error) error {
	return withClient(f.Config, func(client *control.Client) error { return answer(t, o, client, ask, text) })
}

func answer[A any](t *terminal, o outFlag, client *control.Client, ask func(*control.Client) (A, error), text func(A) error) error {
	said, err := ask(client)
	if err != nil {
		return err
	}
	if o.json() {
		return printJSON(t.out, said)
	}
	return text(said)
}

// judge prints an answer, as JSON or as text does it, and is notSo where it is not good.
func (f outFlag) judge(t *terminal, said any, good bool, text func()) error {
	if !f.json() {
		text()
	} else if err := printJSON(t.out, said); err != nil {
		return err
	}
	if !good {
		return notSo{}
	}
	return nil
}

// press has the running server do one thing, and says that it is done.
func (f fileFlag) press(t *terminal, done string, do func(*control.Client) error) error {
	client, err := running(f.Config)
	if err != nil {
		return err
	}
	if err := do(client); err != nil {
		return err
	}
	fmt.Fprintln(t.out, done)
	return nil
}

// isTerminal reports whether a person watches.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && filepath.Base(f.Name()) != "null"
}

// size is a number of bytes as people read it.
func size(n int64) string {
	v, unit := float64(n), "B"
	for _, next := range []string{"kB", "MB", "GB", "TB"} {
		if v < 1000 {
			break
		}
		v, unit = v/1000, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
