package configs

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestBadFiles reads each testdata/bad/NAME.yaml and compares what is said about it, excerpts
// included, with NAME.txt.
func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d bad files, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, err = Parse(filepath.Base(path), data)
			var faults Faults
			if !errors.As(err, &faults) {
				t.Fatalf("no faults, but %v", err)
			}
			got, golden := faults.Long(), strings.TrimSuffix(path, ".yaml")+".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestSecretsFromFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secret := write("realm", "s3cret\n")
	conf := write("hotline.yaml", "data: ${FILE:realm}-data\nsip: {phones: {realm: \"${FILE:"+secret+"}\"}}\n")
	f, err := Load(conf)
	if err != nil {
		t.Fatal(err)
	}
	if f.SIP.Phones.Realm != "s3cret" || f.Data != filepath.Join(dir, "s3cret-data") {
		t.Errorf("realm %q, data %q", f.SIP.Phones.Realm, f.Data)
	}

	write("realm", "h\"x\nyz")
	if _, err = Load(conf); err == nil || strings.Contains(err.Error(), "yz") {
		t.Errorf("a realm of two lines: %v", err)
	}
	write("port", "topsecret")
	conf = write("hotline.yaml", "limits: {calls: '${FILE:port}'}\ntimezone: ${FILE:port}\nmedia: {ports: '${FILE:port}'}\n")
	var faults Faults
	if _, err = Load(conf); !errors.As(err, &faults) || len(faults) != 3 || strings.Contains(faults.Long(), "topsecret") {
		t.Errorf("got %v", err)
	}
	for name, text := range map[string]string{
		"missing":     "${FILE:/nowhere/at/all}",
		"a directory": "${FILE:" + dir + "}",
		"a device":    "${FILE:/dev/zero}",
		"no end":      "${FILE:realm",
		"no path":     "${FILE:}",
		"too large":   "${FILE:" + write("large", strings.Repeat("x", maxSecret+1)) + "}",
		"no text":     "${FILE:" + write("binary", "\xff\xfe") + "}",
	} {
		if _, err := Parse(filepath.Join(dir, "h.yaml"), []byte("data: '"+text+"'\n")); !errors.As(err, &faults) || len(faults) != 1 || faults[0].Key != "data" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	var faults Faults
	if _, err := Load(filepath.Join(dir, "none.yaml")); !errors.Is(err, os.ErrNotExist) || errors.As(err, &faults) {
		t.Errorf("no file: %v", err)
	}
	path := filepath.Join(dir, "h.yaml")
	if err := os.WriteFile(path, []byte("data: here/below\r\nlimits:\r\n  calls: 7\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if f.Data != filepath.Join(dir, "here/below") || f.Calls() != 7 {
		t.Errorf("data %q, calls %d", f.Data, f.Calls())
	}
	for path, want := range map[string]int{"limits.calls": 3, "limits": 2, "data": 1, "recording.keep": 1, "limits.calls[3].x": 3} {
		if line, _ := f.Position(path); line != want {
			t.Errorf("%s is on line %d, want %d", path, line, want)
		}
	}
	if _, ok := f.Position("recording.keep"); ok {
		t.Error("recording.keep is not in the file")
	}
	told := f.Fault("limits.calls", "cannot be", "write less")
	if want := path + ":3: limits.calls: cannot be, write less"; told.String() != want {
		t.Errorf("got %q, want %q", told, want)
	}
	if want := "    2 | limits:\n    3 |   calls: 7\n      |          ^"; strings.TrimRight(told.Excerpt, " ") != want && told.Column == 10 {
		t.Errorf("excerpt\n%s\nwant\n%s", told.Excerpt, want)
	}
	if err := os.WriteFile(path, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err = Load(path); err == nil {
		t.Error("a file without end was read")
	}
}

func TestFileAnswers(t *testing.T) {
	f, err := Parse("h.yaml", []byte(`
lines:
  - {number: 919, also: [012919, +99412919], start: main}
  - {number: 920, hours: office, start: main}
menus: {main: {queue: q}}
queues: [{name: q, wrap_up: 0s}]
calendars: {office: {week: {mon-fri: "09:00-18:00"}}}
sip: {trunks: {carriers: [{name: c, from: [203.0.113.7, "2001:db8::/32"]}]}}
media: {ports: 30000-30099}
`))
	if err != nil {
		t.Fatal(err)
	}
	if f.Calls() != 25 {
		t.Errorf("%d calls on 100 ports", f.Calls())
	}
	sunday := time.Date(2026, 11, 29, 12, 0, 0, 0, f.Zone())
	if always, office := f.Hours(f.Lines[0].Hours), f.Hours(f.Lines[1].Hours); !always.Open(sunday) || office.Open(sunday) || !office.Open(sunday.AddDate(0, 0, 1)) {
		t.Error("hours of lines")
	}
	c := f.SIP.Trunks.Carriers[0]
	if s := c.Sound(); len(s) != 2 || s[0] != netip.MustParsePrefix("203.0.113.7/32") {
		t.Errorf("sound from %v", s)
	}
	if q := f.Queues[0]; q.WrapUp != 0 || q.Offer.D() != 15*time.Second || !q.Operators.ReadyOnRegister {
		t.Errorf("queue %+v", q)
	}
}

// FuzzParse: whatever the text, there is a File or Faults, each fault stands inside the file and
// has one line, and a File is one that the checks hold to be right.
func FuzzParse(f *testing.F) {
	f.Add(Sample())
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	for _, path := range files {
		if data, err := os.ReadFile(path); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 || strings.Contains(string(data), "${FILE:") {
			return
		}
		got, err := Parse("f.yaml", data)
		if err == nil {
			if got.Media.Ports.Count() < 4 || len(got.Languages) == 0 || got.Recording.Keep < minKeep || got.Data == "" {
				t.Errorf("passed: %+v", got)
			}
			return
		}
		var faults Faults
		if !errors.As(err, &faults) || len(faults) == 0 {
			t.Fatalf("not faults: %v", err)
		}
		lines := strings.Split(strings.ReplaceAll(string(data), "\r\n", "\n"), "\n")
		for _, fault := range faults {
			if fault.Line < 1 || fault.Line > len(lines) || fault.Column < 1 || fault.Column > len([]rune(lines[fault.Line-1]))+1 {
				t.Errorf("outside the file: %d:%d %s", fault.Line, fault.Column, fault)
			}
			if strings.ContainsAny(fault.String(), "\n\r\x1b") {
				t.Errorf("not one line: %q", fault.String())
			}
		}
	})
}

func TestListenersInsideBracesAreUnderstood(t *testing.T) {
	f, err := Parse("flow.yaml", []byte("sip: {phones: {listen: [udp://127.0.0.1:5070, tcp://127.0.0.1:5070]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(f.SIP.Phones.Listen); got != "[udp://127.0.0.1:5070 tcp://127.0.0.1:5070]" {
		t.Errorf("listen is %s", got)
	}
}
