package access

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"hotline/call"
)

// A Filter chooses entries.
type Filter struct {
	Call call.ID // empty: of all
	Who  string  // empty: of everybody
	Most int     // the newest so many; 0: all
}

// Read gives the entries of a log, the oldest first. It checks nothing: chain.VerifyLog does. Half a line at
// the end is none; any other line that is no entry is an error.
func Read(r io.Reader, f Filter) ([]Entry, error) {
	list := []Entry{}
	in := bufio.NewReaderSize(r, 64<<10)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return newest(list, f.Most), nil
		}
		if err != nil {
			return list, fmt.Errorf("read the log of accesses: %w", err)
		}
		var e Entry
		if err := json.Unmarshal(line, &e); err != nil {
			return list, fmt.Errorf("read the log of accesses: line %d is no entry: %w; hotline recording access verify says more", n, err)
		}
		if f.Call != "" && e.Call != f.Call || f.Who != "" && e.Who != f.Who && e.With != f.Who {
			continue
		}
		if list = append(list, e); f.Most > 0 && len(list) > 2*f.Most {
			list = append(list[:0], list[len(list)-f.Most:]...)
		}
	}
}

func newest(list []Entry, most int) []Entry {
	if most > 0 && len(list) > most {
		return list[len(list)-most:]
	}
	return list
}
