package day

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"hotline/call"
	"hotline/queue"
)

func sorted(names []string) []string { return slices.Sorted(slices.Values(names)) }

// A table is a CSV file with a first line that names its columns.
type table struct {
	name    string
	columns []string
	rows    [][]string
}

func readTable(name string, in io.Reader) (*table, error) {
	r := csv.NewReader(in)
	r.TrimLeadingSpace, r.Comment = true, '#'
	all, err := r.ReadAll()
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case len(all) < 2:
		return nil, fmt.Errorf("%s: has no line below the names of its columns", name)
	}
	t := &table{name: name, rows: all[1:]}
	for _, c := range all[0] {
		t.columns = append(t.columns, strings.ToLower(strings.TrimSpace(strings.TrimPrefix(c, "\ufeff"))))
	}
	return t, nil
}

// get is what stands in a column of a row; empty where there is no such column.
func (t *table) get(row []string, column string) string {
	if i := slices.Index(t.columns, column); i >= 0 {
		return strings.TrimSpace(row[i])
	}
	return ""
}

func (t *table) has(column string) bool { return slices.Contains(t.columns, column) }

// fault names the line, counted as editors do, and the column.
func (t *table) fault(row int, column, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %s: %s", t.name, row+2, column, fmt.Sprintf(format, args...))
}

// ReadArrivals reads what comes: a line for each call (at, language, and where known queue, talk_s,
// patience_s), or one for each half-hour (from, calls, and a column of shares for each language), of
// which the calls are drawn by chance with the seed. Calls that name no queue come to queueName, half-hours without shares are in language.
func ReadArrivals(name string, in io.Reader, queueName string, language call.Language, seed uint64) ([]Arrival, error) {
	t, err := readTable(name, in)
	switch {
	case err != nil:
		return nil, err
	case t.has("at"):
		return t.calls(queueName, language)
	case t.has("from") && t.has("calls"):
		halves, err := t.halves(language)
		return Poisson(halves, queueName, seed), err
	}
	return nil, fmt.Errorf("%s:1: the columns are %s, would be right: at,language,… for each call, or from,calls,… for each half-hour",
		name, strings.Join(t.columns, ","))
}

func (t *table) calls(queueName string, language call.Language) (out []Arrival, err error) {
	var faults []error
	for i, row := range t.rows {
		a := Arrival{Language: call.Language(t.get(row, "language")), Queue: t.get(row, "queue")}
		if a.Queue == "" {
			a.Queue = queueName
		}
		if a.Language == "" {
			a.Language = language
		}
		if a.At, err = clock(t.get(row, "at")); err != nil {
			faults = append(faults, t.fault(i, "at", "%v", err))
		}
		for column, to := range map[string]*time.Duration{"talk_s": &a.Talk, "patience_s": &a.Patience} {
			text := t.get(row, column)
			if text == "" {
				continue
			}
			s, err := strconv.ParseFloat(text, 64)
			if err != nil || s < 0 || s > 86400 {
				faults = append(faults, t.fault(i, column, "%q is no number of seconds, would be right: 240", text))
			}
			*to = time.Duration(s * float64(time.Second))
		}
		out = append(out, a)
	}
	slices.SortStableFunc(out, func(a, b Arrival) int { return int(a.At - b.At) })
	return out, errors.Join(faults...)
}

func (t *table) halves(language call.Language) (out []HalfHour, err error) {
	var faults []error
	for i, row := range t.rows {
		h := HalfHour{Shares: map[call.Language]float64{}}
		if h.From, err = clock(t.get(row, "from")); err != nil {
			faults = append(faults, t.fault(i, "from", "%v", err))
		} else if h.From%Half != 0 {
			faults = append(faults, t.fault(i, "from", "%s is no half-hour, would be right: 09:00 or 09:30", t.get(row, "from")))
		}
		for c, column := range t.columns {
			if column == "from" {
				continue
			}
			text := strings.TrimSpace(row[c])
			v, err := strconv.ParseFloat(text, 64)
			switch {
			case err != nil || v < 0 || v > 1e6:
				faults = append(faults, t.fault(i, column, "%q is no number, would be right: 36.5", text))
			case column == "calls":
				h.Calls = v
			default:
				h.Shares[call.Language(column)] = v
			}
		}
		if len(h.Shares) == 0 {
			h.Shares[language] = 1
		}
		out = append(out, h)
	}
	return out, errors.Join(faults...)
}

// ReadShifts reads who works when: name, from, to, languages, and where known skills (visa:4 law:2)
// and queues, apart by blanks.
func ReadShifts(name string, in io.Reader) ([]Shift, error) {
	t, err := readTable(name, in)
	if err != nil {
		return nil, err
	}
	var faults []error
	var out []Shift
	for i, row := range t.rows {
		s := Shift{Operator: queue.Operator{Name: t.get(row, "name"), Queues: strings.Fields(t.get(row, "queues"))}}
		if s.Operator.Name == "" {
			faults = append(faults, t.fault(i, "name", "is empty, each operator needs one"))
		}
		for column, to := range map[string]*time.Duration{"from": &s.From, "to": &s.To} {
			if *to, err = clock(t.get(row, column)); err != nil {
				faults = append(faults, t.fault(i, column, "%v", err))
			}
		}
		for _, l := range strings.Fields(t.get(row, "languages")) {
			s.Operator.Languages = append(s.Operator.Languages, call.Language(l))
		}
		for _, text := range strings.Fields(t.get(row, "skills")) {
			skill, level, _ := strings.Cut(text, ":")
			n, err := strconv.Atoi(level)
			if err != nil || n < queue.MinLevel || n > queue.MaxLevel {
				faults = append(faults, t.fault(i, "skills", "%q is no skill, would be right: visa:4", text))
			}
			s.Operator.Skills = append(s.Operator.Skills, queue.Skill{Name: skill, Level: n})
		}
		out = append(out, s)
	}
	return out, errors.Join(faults...)
}

// clock reads a time of the day.
func clock(text string) (time.Duration, error) {
	for _, layout := range []string{"15:04", "15:04:05", "15:04:05.999"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.Sub(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)), nil
		}
	}
	if text == "24:00" {
		return 24 * time.Hour, nil
	}
	return 0, fmt.Errorf("%q is no time of the day, would be right: 09:30", text)
}
