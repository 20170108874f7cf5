package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"hotline/call"
)

func readAll(t *testing.T, sp *spool) (got []entry, bad [][]byte) {
	t.Helper()
	var cur cursor
	for {
		g, b, next, err := sp.read(cur, 7)
		must(t, err)
		got, bad = append(got, g...), append(bad, b...)
		if next == cur {
			return got, bad
		}
		cur = next
	}
}

// readTo reads n entries, or to the end, and returns where that is.
func readTo(t *testing.T, sp *spool, cur cursor, n int) cursor {
	t.Helper()
	for n > 0 {
		got, _, next, err := sp.read(cur, n)
		must(t, err)
		if next == cur {
			break
		}
		n, cur = n-len(got), next
	}
	return cur
}

func TestAnEntryIsReadAsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := entry{
			seq:  rapid.Uint64Range(1, 1<<62).Draw(t, "seq"),
			kind: rapid.StringMatching(`[a-z]{1,12}`).Draw(t, "kind"),
			body: []byte(rapid.StringMatching(`[^\n]{0,80}`).Draw(t, "body")),
		}
		line := formatEntry(e)
		got, err := parseEntry(line)
		if err != nil || got.seq != e.seq || got.kind != e.kind || !bytes.Equal(got.body, e.body) {
			t.Fatalf("%q: %+v, %v", line, got, err)
		}
		if cut := rapid.IntRange(0, len(line)-1).Draw(t, "cut"); cut < len(line) {
			if _, err := parseEntry(line[:cut]); err == nil {
				t.Fatalf("half a line %q is an entry", line[:cut])
			}
		}
		at := rapid.IntRange(0, len(line)-2).Draw(t, "at")
		line[at] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if _, err := parseEntry(line); err == nil {
			t.Fatalf("a flipped bit goes unseen in %q", line)
		}
	})
}

func FuzzParseEntry(f *testing.F) {
	f.Add(formatEntry(entry{seq: 1, kind: "event", body: []byte(`{"a": 1}`)}))
	f.Add([]byte("1 00000000 x \n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := parseEntry(line)
		if err != nil {
			return
		}
		again, err := parseEntry(formatEntry(e))
		if err != nil || again.seq != e.seq || again.kind != e.kind || !bytes.Equal(again.body, e.body) {
			t.Fatalf("%q reads as %+v, again as %+v, %v", line, e, again, err)
		}
	})
}

func TestATornLineIsCutOff(t *testing.T) {
	dir := t.TempDir()
	sp, err := openSpool(dir, 0)
	must(t, err)
	must(t, sp.append("a", []byte("1")))
	must(t, sp.append("b", []byte("2")))
	path := sp.segments[0].path
	must(t, sp.close())
	whole, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(path, append(whole, formatEntry(entry{3, "c", []byte("3")})[:9]...), 0o600))

	sp, err = openSpool(dir, 0)
	must(t, err)
	must(t, sp.append("d", []byte("4")))
	got, bad := readAll(t, sp)
	if fmt.Sprint(got) != "[{1 a [49]} {2 b [50]} {3 d [52]}]" || len(bad) != 0 {
		t.Fatalf("got %v, bad %q", got, bad)
	}
}

func TestADamagedLineStopsNothing(t *testing.T) {
	dir := t.TempDir()
	s := openIn(t, dir)
	must(t, s.Close())
	lines := bytes.Join([][]byte{
		formatEntry(entry{1, kindUndialog, []byte(`"x"`)}),
		bytes.Replace(formatEntry(entry{2, kindUndialog, []byte(`"y"`)}), []byte(`"y"`), []byte(`"z"`), 1),
		formatEntry(entry{3, "from the future", []byte(`{}`)}), // reads as kind "from"
		formatEntry(entry{4, kindArrived, []byte(`[]`)}),
		formatEntry(entry{5, kindEvent, []byte(`{"Call":"c","Name":"call.arrived"}`)}),
	}, nil)
	must(t, os.WriteFile(filepath.Join(dir, "spool", "00000000000000000001.log"), lines, 0o600))
	s = openIn(t, dir)
	if events, err := s.Events(context.Background(), "c"); err != nil || len(events) != 1 {
		t.Fatalf("the entry behind the damage: %v, %v", events, err)
	}
	if n := testutil.ToFloat64(s.metrics.rejected); n != 3 {
		t.Errorf("%v lines rejected, want 3", n)
	}
	kept, err := os.ReadFile(filepath.Join(dir, "spool", "rejected.log"))
	must(t, err)
	if n := bytes.Count(kept, []byte("\n")); n != 3 {
		t.Errorf("rejected.log has %d lines", n)
	}
}

func TestSegmentsComeAndGo(t *testing.T) {
	dir := t.TempDir()
	sp, err := openSpool(dir, 41)
	must(t, err)
	body := bytes.Repeat([]byte("x"), 100_000)
	const n = 2*segmentSize/100_000 + 5
	for range n {
		must(t, sp.append("k", body))
	}
	if len(sp.segments) != 3 {
		t.Fatalf("%d segments", len(sp.segments))
	}
	got, _ := readAll(t, sp)
	if len(got) != n || got[0].seq != 42 || got[n-1].seq != 42+n-1 {
		t.Fatalf("%d entries", len(got))
	}
	half := readTo(t, sp, cursor{}, n/2)
	must(t, sp.drop(half))
	if files, _ := filepath.Glob(filepath.Join(dir, "*.log")); len(files) != 2 {
		t.Fatalf("after half: %v", files)
	}
	must(t, sp.drop(readTo(t, sp, half, n)))
	must(t, sp.closeOld())
	must(t, sp.close())
	if files, _ := filepath.Glob(filepath.Join(dir, "*.log")); len(files) != 0 {
		t.Fatalf("after all: %v", files)
	}
}

// A disk that takes nothing for a while: what was to be written is written afterwards, in order.
func TestAFullDiskLosesNothing(t *testing.T) {
	sp, err := openSpool(t.TempDir(), 0)
	must(t, err)
	must(t, sp.append("k", []byte("0")))
	good := sp.f
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	must(t, err)
	sp.f = full
	for n := 1; n <= 3; n++ {
		if sp.append("k", []byte(fmt.Sprint(n))) == nil {
			t.Fatal("a full disk takes an entry")
		}
	}
	sp.retryHeld()
	if held, _, err := sp.health(); held != 3 || err == nil {
		t.Fatalf("held %d, %v", held, err)
	}
	sp.f = good
	if err := sp.append("k", []byte("4")); err == nil {
		t.Fatal("an entry overtakes those that wait")
	}
	sp.retryHeld()
	must(t, sp.append("k", []byte("5")))
	if held, _, err := sp.health(); held != 0 || err != nil {
		t.Fatalf("held %d, %v", held, err)
	}
	got, bad := readAll(t, sp)
	var text []string
	for i, e := range got {
		text = append(text, string(e.body))
		if e.seq != uint64(i+1) {
			t.Errorf("entry %d has number %d", i, e.seq)
		}
	}
	if strings.Join(text, "") != "012345" || len(bad) != 0 {
		t.Fatalf("got %v, bad %q", text, bad)
	}
}

func TestWritersFromEverywhere(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	const writers, each = 8, 200
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for n := range each {
				s.Event(call.Event{Call: call.ID(fmt.Sprint(w)), Name: fmt.Sprint(n)})
			}
			if _, err := s.Events(ctx, "0"); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for w := range writers {
		got, err := s.Events(ctx, call.ID(fmt.Sprint(w)))
		must(t, err)
		if len(got) != each {
			t.Fatalf("writer %d: %d events", w, len(got))
		}
		for n, e := range got {
			if e.Name != fmt.Sprint(n) {
				t.Fatalf("writer %d: event %d is %s", w, n, e.Name)
			}
		}
	}
	must(t, s.Close())
	if err := s.Flush(ctx); err != nil && !errors.Is(err, errClosed) {
		t.Fatal(err)
	}
}
