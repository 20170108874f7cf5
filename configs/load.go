package configs

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

//go:embed hotline.yaml
var sample []byte

// Sample is the commented default file.
func Sample() []byte { return bytes.Clone(sample) }

// Journey is the menus of the sample, without their examples' signs: a whole journey, for a file with a
// queue general. Its beginnings are main and night.
func Journey() string {
	_, text, _ := strings.Cut(string(sample), "\nmenus: {}\n")
	text, _, _ = strings.Cut(text, "\n\n# ")
	return "menus:\n" + regexp.MustCompile(`(?m)^#`).ReplaceAllString(text, "") + "\n"
}

// maxFile bounds a configuration file. The sample has 6 kB; the time of
// the parser grows with the square of nested brackets.
const maxFile = 256 << 10

// Load reads and checks a file. A file that is wrong gives Faults; one that cannot be read, any
// other error.
func Load(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	if info.Size() > maxFile {
		return nil, fmt.Errorf("read the configuration: %s is larger than %d kB", path, maxFile>>10)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse checks the text of a file. The name is for messages and for the folder that paths in
// the text are relative to. The error is Faults, everything that is wrong at once.
func Parse(name string, data []byte) (*File, error) {
	d := &decoder{source: newSource(name, data), folder: filepath.Dir(name)}
	if !utf8.Valid(data) {
		for i, line := range d.lines {
			if !utf8.ValidString(line) {
				d.fault(spot{i + 1, 1}, "", "this line is not UTF-8", "save the file as UTF-8")
				return nil, d.faults
			}
		}
	}
	f := Default()
	f.source = d.source
	if root := d.parse(data); root != nil {
		d.node(root, reflect.ValueOf(f).Elem(), "", spot{1, 1})
	}
	if len(d.faults) == 0 || len(d.spots) > 0 {
		f.check(d)
	}
	if len(d.faults) > 0 {
		slices.SortStableFunc(d.faults, func(a, b Fault) int {
			return cmp.Or(a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Key, b.Key), strings.Compare(a.Problem, b.Problem))
		})
		return nil, d.faults
	}
	for _, p := range f.paths() {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(d.folder, *p)
		}
	}
	return f, nil
}

// paths are the values that are relative to the folder of the file.
func (f *File) paths() []*string {
	trunks, phones := &f.SIP.Trunks, &f.SIP.Phones
	list := []*string{&f.Data, &trunks.TLS.Certificate, &trunks.TLS.Key, &phones.TLS.Certificate, &phones.TLS.Key,
		&f.Status.CA, &f.Status.Certificate, &f.Status.Key, &f.Recording.Away.Dir, &f.Recording.Away.S3.CA}
	for i := range trunks.Carriers {
		tls := &trunks.Carriers[i].TLS
		list = append(list, &tls.CA, &tls.Certificate, &tls.Key)
	}
	return list
}
