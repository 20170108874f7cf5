package cases

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"hotline/call"
)

// office is a register with two units and a chief, on a clock that tests move.
type office struct {
	*Register
	rows  *memory
	rules Rules
	now   time.Time
	told  int
	tasks Tasks
}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{rows: newMemory(), now: moment(t, "2026-11-25 10:00"), rules: Rules{
		Zone: baku, Hours: work("", ""), Chief: Receiver{Email: "chief@example.org"},
		Units: []Unit{
			{Name: "all", Receiver: Receiver{Email: "all@example.org"}},
			{Name: "stay", Topics: []string{"stay"}, Receiver: Receiver{Webhook: "http://127.0.0.1:1/", Secret: "s"}},
		},
	}}
	var err error
	o.Register, err = NewRegister(Options{
		Rows: o.rows, Rules: func() Rules { return o.rules }, Now: func() time.Time { return o.now }, Told: func() { o.told++ },
		Spell: func(n string) string { return strings.TrimPrefix(strings.TrimPrefix(n, "+994"), "0") },
		Log:   zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	o.tasks = Tasks{Rows: o.rows, Rules: func() Rules { return o.rules }, Now: func() time.Time { return o.now }}
	return o
}

func (o *office) open(t *testing.T, m call.Message) string {
	t.Helper()
	number, err := o.Open(context.Background(), m)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// aMessage is one that was left now.
func (o *office) aMessage(id string) call.Message {
	return call.Message{ID: call.ID(id), Call: "c", Line: "919", From: "+994500001122", Language: "az", Kind: call.MatterComplaint, Topic: "stay", At: o.now, Path: "m.wav"}
}

func TestAMessageBecomesACase(t *testing.T) {
	ctx := context.Background()
	o := openOffice(t)
	first := o.open(t, o.aMessage("m1"))
	if again := o.open(t, o.aMessage("m1")); again != first {
		t.Errorf("the same message has %s and %s", first, again)
	}
	c, notes, err := o.Show(ctx, "2026000001", Look{Who: "aysel"})
	if err != nil {
		t.Fatal(err)
	}
	if c.Unit != "stay" || c.State != call.CaseRegistered || !c.Due.Equal(moment(t, "2026-12-16 18:00")) || !c.ForwardBy.Equal(moment(t, "2026-11-30 18:00")) {
		t.Errorf("case %+v", c)
	}
	if len(notes) != 1 || notes[0].What != "registered" {
		t.Errorf("history %v", notes)
	}
	want := []string{"m1 stay webhook 11-25 10:00", "m1-100 stay webhook 12-16 18:00", "m1-50 stay webhook 12-07 13:30", "m1-80 stay webhook 12-11 18:00"}
	if got := o.rows.waiting(); !slices.Equal(got, want) {
		t.Errorf("to be told: %q", got)
	}
	if n := testutil.ToFloat64(o.metrics.opened.WithLabelValues("complaint")); n != 1 || o.told != 1 {
		t.Errorf("counted %v, the courier told %d times", n, o.told)
	}
}

// The year of a number is that of Baku, where the message was left.
func TestTheYearChangesAtMidnightInBaku(t *testing.T) {
	for at, want := range map[string]string{"2026-12-31 19:59": "2026", "2026-12-31 20:00": "2027"} {
		o := openOffice(t)
		m := o.aMessage("m1")
		left, err := time.Parse("2006-01-02 15:04", at) // UTC
		if err != nil {
			t.Fatal(err)
		}
		m.At, o.now = left, left.Add(time.Hour)
		if number := o.open(t, m); number[:4] != want {
			t.Errorf("left at %s UTC: %s", at, number)
		}
	}
}

func TestWhatIsConfidentialIsTheChiefs(t *testing.T) {
	ctx := context.Background()
	o := openOffice(t)
	m := o.aMessage("m1")
	m.Confidential = true
	number := o.open(t, m)
	for _, row := range o.rows.waiting() {
		if !strings.Contains(row, "  email") { // no unit
			t.Errorf("told to somebody else: %s", row)
		}
	}
	if list, err := o.List(ctx, "aysel", call.CaseFilter{}); err != nil || len(list) != 0 {
		t.Errorf("listed to anybody: %v, %v", list, err)
	}
	if c, notes, err := o.Show(ctx, number, Look{Who: "aysel"}); !errors.Is(err, ErrNotAllowed) || c.ID != "" || notes != nil {
		t.Errorf("shown to anybody: %+v, %v", c, err)
	}
	if _, err := o.Assign(ctx, "chief", number, "stay"); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("given to a unit: %v", err)
	}
	if _, err := o.Assign(ctx, "chief", number, "Aysel M."); err != nil {
		t.Errorf("given to a person: %v", err)
	}
	if list, err := o.List(ctx, "chief", call.CaseFilter{Confidential: true}); err != nil || len(list) != 1 {
		t.Errorf("listed to the chief: %v, %v", list, err)
	}
	_, notes, err := o.Show(ctx, number, Look{Who: "chief", Confidential: true, Numbers: true})
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, n := range notes {
		told = append(told, n.Who+" "+n.What)
	}
	if want := []string{"hotline registered", "chief assigned", "chief listed", "chief seen with the number"}; !slices.Equal(told, want) {
		t.Errorf("history %q", told)
	}
}

// A look that cannot be written down is not given.
func TestNoLookWithoutItsNote(t *testing.T) {
	o := openOffice(t)
	m := o.aMessage("m1")
	m.Confidential = true
	number := o.open(t, m)
	ctx, cancel := context.WithCancel(context.Background())
	o.rows.notes[number] = nil
	cancel()
	if c, _, err := o.Show(ctx, number, Look{Confidential: true}); err == nil || c.ID != "" {
		t.Errorf("shown: %+v, %v", c, err)
	}
	if list, err := o.List(ctx, "x", call.CaseFilter{Confidential: true}); err == nil || list != nil {
		t.Errorf("listed: %+v, %v", list, err)
	}
}

func TestWhatMayBeDoneWithACase(t *testing.T) {
	type step struct {
		do   func(o *office, number string) error
		want string // what the refusal says; empty: it is done
	}
	ctx := context.Background()
	answer := func(o *office, n string) error { _, err := o.Answer(ctx, "a", n, "text", false); return err }
	assign := func(to string) func(*office, string) error {
		return func(o *office, n string) error { _, err := o.Assign(ctx, "a", n, to); return err }
	}
	end := func(why call.CaseEnd) func(*office, string) error {
		return func(o *office, n string) error { _, err := o.Close(ctx, "a", n, why); return err }
	}
	extend := func(days int, why string) func(*office, string) error {
		return func(o *office, n string) error { _, err := o.Extend(ctx, "a", n, days, why); return err }
	}
	term := func(to call.CaseTerm) func(*office, string) error {
		return func(o *office, n string) error { _, err := o.SetTerm(ctx, "a", n, to); return err }
	}
	day := func(text string) func(*office, string) error {
		return func(o *office, n string) error { _, err := o.SetBorn(ctx, "a", n, text); return err }
	}
	for name, steps := range map[string][]step{
		"answered and closed":                 {{assign("Aysel"), ""}, {answer, ""}, {end(""), ""}},
		"answered at once":                    {{answer, ""}, {answer, "it is answered already"}},
		"closed twice":                        {{end(call.EndEmpty), ""}, {end(call.EndEmpty), "closed already"}},
		"closed unanswered, without a reason": {{end(""), "say why"}},
		"closed unanswered, with another":     {{end("lost"), "say why"}},
		"closed answered, with a reason":      {{answer, ""}, {end(call.EndEmpty), "was answered"}},
		"answered after its end":              {{end(call.EndWithdrawn), ""}, {answer, "it is closed already"}},
		"assigned after its answer":           {{answer, ""}, {assign("Aysel"), "it is answered"}},
		"assigned to nobody":                  {{assign(" "), "the name is empty"}},
		"assigned to its own unit":            {{assign("stay"), "with stay already"}},
		"extended":                            {{extend(30, "study"), ""}, {extend(1, "more"), "once already"}},
		"extended by too much":                {{extend(31, "study"), "1 to 30"}},
		"extended by nothing":                 {{extend(0, "study"), "1 to 30"}},
		"extended without a reason":           {{extend(5, ""), "the reason is empty"}},
		"extended when answered":              {{answer, ""}, {extend(5, "x"), "it is answered"}},
		"an urgent complaint":                 {{term(call.TermUrgent), "only requests for information"}},
		"a term that is none":                 {{term("soon"), "write ordinary, study, urgent, life"}},
		"a day of birth":                      {{day("31121980"), ""}},
		"a day that is none":                  {{day("31021980"), "write DDMMYYYY"}},
		"a day in words":                      {{day("1980-12-31"), "write DDMMYYYY"}},
		"a day to come":                       {{day("31122099"), "write DDMMYYYY"}},
		"no text":                             {{func(o *office, n string) error { _, err := o.Answer(ctx, "a", n, "\n", false); return err }, "the answer is empty"}},
		"a text that is none":                 {{func(o *office, n string) error { _, err := o.Answer(ctx, "a", n, "\xff", false); return err }, "UTF-8"}},
		"a case that is not there":            {{func(o *office, _ string) error { _, err := o.Close(ctx, "a", "2026-000009", ""); return err }, "case 2026-000009: no such case"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := openOffice(t)
			number := o.open(t, o.aMessage("m1"))
			for i, s := range steps {
				err := s.do(o, number)
				if s.want == "" && err != nil || s.want != "" && (err == nil || !strings.Contains(err.Error(), s.want)) {
					t.Errorf("step %d: %v, want %q", i, err, s.want)
				}
				if s.want != "" && !errors.Is(err, ErrNotAllowed) && !errors.Is(err, call.ErrNoCase) {
					t.Errorf("step %d: %v is neither refusal nor absence", i, err)
				}
			}
		})
	}
}

func TestAnotherUnitIsToldAndTheFirstNoMore(t *testing.T) {
	o := openOffice(t)
	number := o.open(t, o.aMessage("m1"))
	o.now = moment(t, "2026-12-08 12:00")
	if _, err := o.Assign(context.Background(), "a", number, "all"); err != nil {
		t.Fatal(err)
	}
	want := []string{"m1 all email 12-08 12:00", "m1-100 all email 12-16 18:00", "m1-80 all email 12-11 18:00"} // 50 % are over
	if got := o.rows.waiting(); !slices.Equal(got, want) {
		t.Errorf("to be told: %q", got)
	}
}

func TestAnExtendedTermHasItsOwnReminders(t *testing.T) {
	o := openOffice(t)
	number := o.open(t, o.aMessage("m1"))
	for _, d := range o.rows.out { // the unit has the case and the first reminder
		o.rows.done[d] = d.Key == "m1" || d.Key == "m1-50"
	}
	o.now = moment(t, "2026-12-08 12:00")
	c, err := o.Extend(context.Background(), "a", number, 5, "the district has not answered")
	if err != nil || !c.Due.Equal(moment(t, "2026-12-23 18:00")) {
		t.Errorf("due %s, %v", c.Due, err)
	}
	want := []string{"m1-extended-100 stay webhook 12-23 18:00", "m1-extended-50 stay webhook 12-09 18:00", "m1-extended-80 stay webhook 12-17 18:00"}
	if got := o.rows.waiting(); !slices.Equal(got, want) {
		t.Errorf("to be told: %q", got)
	}
}

func TestAnAnswerEndsTheReminders(t *testing.T) {
	o := openOffice(t)
	number := o.open(t, o.aMessage("m1"))
	if _, err := o.Answer(context.Background(), "a", number, "yes", false); err != nil {
		t.Fatal(err)
	}
	if got := o.rows.waiting(); len(got) != 0 {
		t.Errorf("to be told: %q", got)
	}
}

// The Cabinet swaps a day while terms run.
func TestTermsFollowTheCalendar(t *testing.T) {
	o := openOffice(t)
	number := o.open(t, o.aMessage("m1"))
	if n, err := o.Recount(context.Background()); n != 0 || err != nil {
		t.Errorf("nothing has changed, %d moved, %v", n, err)
	}
	o.rules.Hours = work("2026-12-14", "")
	if n, err := o.Recount(context.Background()); n != 1 || err != nil {
		t.Errorf("%d moved, %v", n, err)
	}
	c, err := o.rows.Case(context.Background(), number)
	if err != nil || !c.Due.Equal(moment(t, "2026-12-17 18:00")) {
		t.Errorf("due %s, %v", c.Due, err)
	}
}

func TestHowACaseStands(t *testing.T) {
	ctx := context.Background()
	ask := call.StatusQuestion{Number: "2026000001", From: "0500001122"}
	none := func(*office, string) {}
	for name, c := range map[string]struct {
		before func(o *office, number string)
		q      call.StatusQuestion
		want   call.StandingState // empty: no application
		mine   bool
	}{
		"by the number that left it, in another spelling": {none, ask, call.StandingRegistered, true},
		"by another number":                {none, call.StatusQuestion{Number: "2026000001", From: "+994500001123"}, "", true},
		"by no number":                     {none, call.StatusQuestion{Number: "2026000001", Born: "31121980"}, "", true},
		"no such case":                     {none, call.StatusQuestion{Number: "2026000002", From: "0500001122"}, "", false},
		"too few digits":                   {none, call.StatusQuestion{Number: "202600001", From: "0500001122"}, "", false},
		"a number of the outside":          {none, call.StatusQuestion{Number: "12345678901234", From: "0500001122"}, "", false},
		"with a hyphen, which nobody keys": {none, call.StatusQuestion{Number: "2026-000001", From: "0500001122"}, "", false},
		"by the date of birth":             {func(o *office, n string) { _, _ = o.SetBorn(ctx, "a", n, "31121980") }, call.StatusQuestion{Number: "2026000001", Born: "31121980"}, call.StandingRegistered, true},
		"by another date of birth":         {func(o *office, n string) { _, _ = o.SetBorn(ctx, "a", n, "31121980") }, call.StatusQuestion{Number: "2026000001", Born: "30121980"}, "", true},
		"the unit has it":                  {func(o *office, n string) { o.rows.cases[0].Forwarded = o.now }, ask, call.StandingInProgress, true},
		"somebody has it":                  {func(o *office, n string) { _, _ = o.Assign(ctx, "a", n, "Aysel") }, ask, call.StandingInProgress, true},
		"it takes longer":                  {func(o *office, n string) { _, _ = o.Extend(ctx, "a", n, 5, "x") }, ask, call.StandingExtended, true},
		"answered":                         {func(o *office, n string) { _, _ = o.Answer(ctx, "a", n, "x", false) }, ask, call.StandingAnswered, true},
		"withdrawn":                        {func(o *office, n string) { _, _ = o.Close(ctx, "a", n, call.EndWithdrawn) }, ask, call.StandingWithdrawn, true},
		"nothing in it":                    {func(o *office, n string) { _, _ = o.Close(ctx, "a", n, call.EndEmpty) }, ask, call.StandingRefused, true},
		"answered before":                  {func(o *office, n string) { _, _ = o.Close(ctx, "a", n, call.EndRepeated) }, ask, call.StandingAnswered, true},
		"neither has a number: no match":   {func(o *office, n string) { o.rows.cases[0].From = "" }, call.StatusQuestion{Number: "2026000001"}, "", true},
		"neither has a date: no match":     {none, call.StatusQuestion{Number: "2026000001", From: "0500001199", Born: ""}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			o := openOffice(t)
			c.before(o, o.open(t, o.aMessage("m1")))
			s, mine, err := o.StandingOf(ctx, c.q)
			if mine != c.mine || s.State != c.want || (c.want == "") != errors.Is(err, call.ErrNoApplication) {
				t.Errorf("%+v, mine %v, %v", s, mine, err)
			}
		})
	}
	o := openOffice(t)
	o.open(t, o.aMessage("m1"))
	o.rows.fail = errors.New("the rows are away")
	if _, mine, err := o.StandingOf(ctx, ask); mine || err == nil || errors.Is(err, call.ErrNoApplication) {
		t.Errorf("the rows are away: mine %v, %v", mine, err)
	}
}

func TestAnAnswerIsToldByTelephone(t *testing.T) {
	ctx := context.Background()
	o := openOffice(t)
	number := o.open(t, o.aMessage("m1"))
	if _, err := o.Answer(ctx, "a", number, "Yes.", true); err != nil {
		t.Fatal(err)
	}
	try := func(at string) string {
		t.Helper()
		o.now = moment(t, at)
		due, err := o.tasks.Due(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(due) == 0 {
			return "nobody"
		}
		if due[0].To.Raw() != "+994500001122" || due[0].Answer != "Yes." {
			t.Errorf("errand %+v", due[0])
		}
		if err := o.tasks.Tried(ctx, due[0].Task, false); err != nil {
			t.Error(err)
		}
		return "called"
	}
	var got []string
	for _, at := range []string{"2026-11-25 08:59", "2026-11-25 18:00", "2026-11-25 11:00", "2026-11-25 12:59", "2026-11-25 13:00", "2026-11-25 17:00", "2026-11-26 09:00", "2026-11-27 10:00"} {
		got = append(got, try(at))
	}
	if want := []string{"nobody", "nobody", "called", "nobody", "called", "nobody", "called", "nobody"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	open, err := o.rows.Tasks(ctx, false)
	if err != nil || len(open) != 1 || open[0].Kind != call.TaskLetter || !open[0].Due.Equal(moment(t, "2026-12-03 18:00")) {
		t.Errorf("what is left: %+v, %v", open, err)
	}
	if _, err := o.tasks.Done(ctx, "aysel", open[0].ID); err != nil {
		t.Error(err)
	}
	if open, _ := o.rows.Tasks(ctx, false); len(open) != 0 {
		t.Errorf("what is left: %+v", open)
	}
	silent := o.aMessage("m2")
	silent.From = ""
	if _, err := o.Answer(ctx, "a", o.open(t, silent), "Yes.", true); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("nobody can be called without a number: %v", err)
	}
}
