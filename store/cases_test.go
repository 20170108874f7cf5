package store

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"hotline/call"
)

// aCase is a case as it is opened, of 2026.
func aCase(id string) call.Case {
	return call.Case{
		ID: call.ID(id), Call: "call-" + call.ID(id), Line: "919", From: "+994500001122", Language: "az", Matter: call.MatterComplaint,
		Topic: "stay", Unit: "legal", Opened: t0, Due: t0.Add(360 * time.Hour), Forward: t0.Add(72 * time.Hour), Message: "messages/" + id + ".wav", Length: 42 * time.Second,
	}
}

// aLetter is one by mail to the unit.
func aLetter(id, kind string, next time.Time) call.Letter {
	return call.Letter{Key: id + "/" + kind, Case: call.ID(id), To: "legal", Kind: kind, Way: "mail", Made: t0, Next: next}
}

// openCase opens a case with its letter and a reminder.
func openCase(t *testing.T, s *Store, c call.Case) call.Case {
	t.Helper()
	id := string(c.ID)
	c, _, err := s.OpenCase(context.Background(), c, []call.Letter{aLetter(id, "forward", t0), aLetter(id, "50", t0.Add(180*time.Hour))})
	must(t, err)
	return c
}

func dueLetters(t *testing.T, s *Store, at time.Time, most int) (keys []string) {
	t.Helper()
	list, err := s.Letters(context.Background(), at, most)
	must(t, err)
	for _, l := range list {
		keys = append(keys, l.Key+" "+l.To)
	}
	return keys
}

func TestACaseComesBackAsItWas(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openIn(t, dir)
	first := openCase(t, s, aCase("m1"))
	must(t, s.Close())
	s = openIn(t, dir)
	again, opened, err := s.OpenCase(ctx, aCase("m1"), nil)
	must(t, err)
	if opened || again.Number != first.Number || first.Number != "2026-000001" {
		t.Errorf("%s, then %s, opened %v", first.Number, again.Number, opened)
	}
	c, err := s.CaseOf(ctx, first.Number)
	must(t, err)
	if c.From.Raw() != "+994500001122" || !c.Due.Equal(aCase("m1").Due) || c.Length != 42*time.Second || len(c.History) != 1 || c.Unit != "legal" {
		t.Errorf("case %+v", c)
	}
	for _, number := range []string{"2026-000002", "2026-1-1", "", "x"} {
		if _, err := s.CaseOf(ctx, number); !errors.Is(err, ErrUnknown) {
			t.Errorf("case %q: %v", number, err)
		}
	}
}

// The year is that of the clock on which the case was opened: at midnight in Baku numbers begin anew, and
// a message of the old year that comes late is one of its own.
func TestNumbersBeginAnewAtMidnight(t *testing.T) {
	baku, err := time.LoadLocation("Asia/Baku")
	must(t, err)
	s := openIn(t, t.TempDir())
	midnight := time.Date(2027, 1, 1, 0, 0, 0, 0, baku)
	var got []string
	for i, at := range []time.Duration{-time.Hour, -time.Nanosecond, 0, -time.Minute, time.Hour} {
		c := aCase(fmt.Sprint("m", i))
		c.Opened = midnight.Add(at)
		got = append(got, openCase(t, s, c).Number)
	}
	if want := []string{"2026-000001", "2026-000002", "2027-000001", "2026-000003", "2027-000002"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Many messages end at once, each is told of twice: no number is given twice, none is left out.
func TestTenThousandCasesAtOnce(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	const workers = 64
	n := 10_000
	if raced {
		n = 1000
	}
	// Synced at the end alone: the disk is not what is tested, and a commit each would take a minute.
	_, err := s.writer.Exec(`PRAGMA synchronous = OFF`)
	must(t, err)
	numbers := make([]string, n)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				c, _, err := s.OpenCase(ctx, aCase(fmt.Sprintf("m%05d", i)), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if i%16 == 0 {
					if again, opened, err := s.OpenCase(ctx, aCase(fmt.Sprintf("m%05d", i)), nil); err != nil || opened || again.Number != c.Number {
						t.Errorf("%s, told of again %s, opened %v, %v", c.Number, again.Number, opened, err)
					}
				}
				numbers[i] = c.Number
			}
		})
	}
	wg.Wait()
	slices.Sort(numbers)
	for i, number := range numbers {
		if want := call.CaseNumber(2026, i+1); number != want {
			t.Fatalf("number %d is %s, want %s", i, number, want)
		}
	}
}

// One message that is told of from several sides at once is one case.
func TestOneMessageIsOneCase(t *testing.T) {
	s := openIn(t, t.TempDir())
	var wg sync.WaitGroup
	numbers := make([]string, 16)
	for i := range numbers {
		wg.Go(func() {
			c, _, err := s.OpenCase(context.Background(), aCase("m1"), []call.Letter{aLetter("m1", "forward", t0)})
			if err != nil {
				t.Error(err)
			}
			numbers[i] = c.Number
		})
	}
	wg.Wait()
	if slices.Sort(numbers); numbers[0] != numbers[15] || numbers[0] != "2026-000001" {
		t.Errorf("numbers %v", numbers)
	}
	if got := dueLetters(t, s, t0, 10); len(got) != 1 {
		t.Errorf("letters %v", got)
	}
}

// A database that somebody has locked for longer than a caller waits gives an error, no case and no number.
func TestALockedDatabaseOpensNoCase(t *testing.T) {
	s := openIn(t, t.TempDir())
	tx, err := s.writer.Begin()
	must(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if c, opened, err := s.OpenCase(ctx, aCase("m1"), nil); err == nil || opened {
		t.Errorf("case %s, opened %v, %v", c.Number, opened, err)
	}
	must(t, tx.Rollback())
	if c := openCase(t, s, aCase("m1")); c.Number != "2026-000001" {
		t.Errorf("afterwards %s", c.Number)
	}
}

func TestALetterArrivesOnce(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	number := openCase(t, s, aCase("m1")).Number
	counts := func(at time.Time) string {
		waiting, late, err := s.LettersWaiting(ctx, at)
		must(t, err)
		return fmt.Sprint(waiting, " ", late)
	}
	l := aLetter("m1", "forward", t0)
	must(t, s.LetterFailed(ctx, l, t0.Add(time.Hour), "slow"))
	if got := dueLetters(t, s, t0.Add(time.Minute), 10); len(got) != 0 {
		t.Errorf("due before its time: %v", got)
	}
	if got := counts(t0.Add(time.Minute)); got != "1 0" {
		t.Errorf("a letter that has failed is no more among those that wait: %s", got)
	}
	if got := counts(t0.Add(100 * time.Hour)); got != "1 1" {
		t.Errorf("a letter that is late between two tries: %s", got)
	}
	must(t, s.LetterArrived(ctx, l, t0.Add(time.Hour)))
	must(t, s.LetterArrived(ctx, l, t0.Add(2*time.Hour))) // of a process that had not noted it
	c, err := s.CaseOf(ctx, number)
	must(t, err)
	if !c.Sent.Equal(t0.Add(time.Hour)) || len(c.History) != 2 {
		t.Errorf("sent %s, history %v", c.Sent, c.History)
	}
	if got := counts(t0.Add(100 * time.Hour)); got != "0 0" {
		t.Errorf("counted %s", got)
	}
}

// A unit with a long row of letters leaves the others their place.
func TestEachUnitHasItsShareOfTheOutbox(t *testing.T) {
	s := openIn(t, t.TempDir())
	for i := range 20 {
		openCase(t, s, aCase(fmt.Sprintf("m%02d", i)))
	}
	other := aLetter("other", "forward", t0.Add(time.Second))
	other.To = "stay"
	_, _, err := s.OpenCase(context.Background(), aCase("other"), []call.Letter{other})
	must(t, err)
	if got := dueLetters(t, s, t0.Add(time.Minute), 5); len(got) != 6 || got[5] != "other/forward stay" {
		t.Errorf("due %v", got)
	}
}

func TestWhatAChangeLeavesToBeTold(t *testing.T) {
	at := t0.Add(time.Hour)
	entry := call.CaseEntry{At: at, By: "aysel", What: "changed"}
	to := func(kind, unit string) call.Letter {
		l := aLetter("m1", kind+"/"+unit, t0)
		l.Kind, l.To = kind, unit
		return l
	}
	for name, c := range map[string]struct {
		change CaseChange
		want   []string
	}{
		"a look":       {CaseChange{Entry: entry}, []string{"m1/50 legal", "m1/forward legal"}},
		"an answer":    {CaseChange{Entry: entry, State: call.CaseAnswered, Answer: "Yes."}, []string{"m1/forward legal"}},
		"another term": {CaseChange{Entry: entry, Due: t0.Add(900 * time.Hour), Letters: []call.Letter{to("50", "legal")}}, []string{"m1/50/legal legal", "m1/forward legal"}},
		"another unit": {CaseChange{Entry: entry, Unit: "stay", Letters: []call.Letter{to("forward", "stay"), to("50", "stay")}}, []string{"m1/50/stay stay", "m1/forward/stay stay"}},
	} {
		s := openIn(t, t.TempDir())
		number := openCase(t, s, aCase("m1")).Number
		_, err := s.ChangeCase(context.Background(), number, c.change)
		must(t, err)
		got := dueLetters(t, s, t0.Add(1000*time.Hour), 10)
		if slices.Sort(got); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestWhatIsRefusedChangesNothing(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	number := openCase(t, s, aCase("m1")).Number
	change := func(c CaseChange) error {
		c.Entry = call.CaseEntry{At: t0, By: "aysel", What: "changed"}
		_, err := s.ChangeCase(ctx, number, c)
		return err
	}
	must(t, change(CaseChange{Extended: true, Due: t0.Add(500 * time.Hour)}))
	if err := change(CaseChange{Extended: true, Due: t0.Add(600 * time.Hour)}); !errors.Is(err, ErrCaseMove) {
		t.Errorf("extended twice: %v", err)
	}
	must(t, change(CaseChange{State: call.CaseClosed}))
	if err := change(CaseChange{State: call.CaseAnswered, Answer: "late"}); !errors.Is(err, ErrCaseMove) {
		t.Errorf("answered after its end: %v", err)
	}
	c, err := s.CaseOf(ctx, number)
	must(t, err)
	if c.Answer != "" || len(c.History) != 3 || !c.Due.Equal(t0.Add(500*time.Hour)) {
		t.Errorf("case %+v", c)
	}
}

func TestCasesAreCounted(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	change := func(c call.Case, to call.CaseState) {
		t.Helper()
		_, err := s.ChangeCase(ctx, c.Number, CaseChange{Entry: call.CaseEntry{At: t0, By: "x", What: string(to)}, State: to})
		must(t, err)
	}
	late := aCase("late")
	late.Due = t0.Add(time.Hour)
	openCase(t, s, late)
	answered := aCase("answered")
	answered.Due = t0.Add(time.Hour)
	change(openCase(t, s, answered), call.CaseAnswered)
	change(openCase(t, s, aCase("assigned")), call.CaseAssigned)
	openCase(t, s, aCase("new"))
	by, overdue, err := s.CountCases(ctx, t0.Add(2*time.Hour))
	must(t, err)
	if by[call.CaseRegistered] != 2 || by[call.CaseAnswered] != 1 || by[call.CaseAssigned] != 1 || overdue != 1 {
		t.Errorf("%v, %d overdue", by, overdue)
	}
}

// caseVictim opens cases and says on standard output which number it would tell.
func caseVictim(s *Store) error {
	began := time.Now().UnixNano()
	for n := 0; ; n++ {
		id := fmt.Sprintf("m-%d-%d", began, n)
		c, _, err := s.OpenCase(context.Background(), aCase(id), []call.Letter{aLetter(id, "forward", t0)})
		if err != nil {
			return err
		}
		fmt.Println(id, c.Number) // unbuffered: one write(2)
	}
}

// kill -9 at any moment: each number that was told is that of its case for ever, none is given twice or
// left out, and each case has its letter.
func TestKill9KeepsEveryNumber(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	told := map[string]string{} // number by id
	const processes = 8
	for range processes {
		cmd, lines := writer(t, dir, victimDir+"_CASES=1")
		var kill *time.Timer
		for lines.Scan() {
			id, number, whole := strings.Cut(lines.Text(), " ")
			if !whole {
				t.Fatalf("the writer said %q", lines.Text())
			}
			told[id] = number
			if kill == nil {
				kill = time.AfterFunc(time.Duration(rnd.IntN(100))*time.Millisecond, func() { cmd.Process.Kill() })
			}
		}
		if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Fatalf("the writer ended by itself: %v", err)
		}
	}
	s := openIn(t, dir)
	rows, err := s.Cases(context.Background(), CaseFilter{})
	must(t, err)
	seen := map[string]string{}
	for i, c := range rows {
		seen[string(c.ID)] = c.Number
		if want := call.CaseNumber(2026, len(rows)-i); c.Number != want {
			t.Fatalf("row %d is %s, want %s", i, c.Number, want)
		}
	}
	for id, number := range told {
		if seen[id] != number {
			t.Fatalf("%s was told %s and is %q", id, number, seen[id])
		}
	}
	if len(rows) > len(told)+processes {
		t.Errorf("%d rows, told of %d", len(rows), len(told))
	}
	if got := dueLetters(t, s, t0, len(rows)+1); len(got) != len(rows) {
		t.Errorf("%d cases, %d letters", len(rows), len(got))
	}
	t.Logf("%d cases", len(rows))
}
