package store

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"hotline/call"
)

// Each call is seen once and in order, however long the pages are and also where several arrived at once.
func TestEachCall(t *testing.T) {
	s := openIn(t, t.TempDir())
	for n := range 7 {
		r := closedRecord(n)
		r.Arrived = closedRecord(n / 3).Arrived
		if err := s.Closed(r); err != nil {
			t.Fatal(err)
		}
	}
	for _, since := range []time.Time{{}, closedRecord(1).Arrived} {
		want, err := s.Calls(t.Context(), Filter{Since: since, All: true})
		if err != nil || len(want) == 0 {
			t.Fatalf("%d calls, %v", len(want), err)
		}
		for most := 1; most <= 8; most++ {
			var got []call.ID
			if err := s.eachCall(t.Context(), since, most, func(r call.Record) error { got = append(got, r.ID); return nil }); err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got) != fmt.Sprint(idsOf(want)) {
				t.Errorf("since %v, %d at a time: %v, want %v", since, most, got, idsOf(want))
			}
		}
	}
	enough, n := errors.New("enough"), 0
	if err := s.EachCall(t.Context(), time.Time{}, func(call.Record) error { n++; return enough }); !errors.Is(err, enough) || n != 1 {
		t.Errorf("after %d calls: %v", n, err)
	}
}

func idsOf(list []call.Record) []call.ID {
	ids := make([]call.ID, 0, len(list))
	for _, r := range list {
		ids = append(ids, r.ID)
	}
	return ids
}
