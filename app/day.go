package app

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"hotline/call"
	"hotline/configs"
	"hotline/queue"
	"hotline/queue/day"
	"hotline/queue/erlang"
)

// A Day is what a simulated day is made of.
type Day struct {
	Calls     string // CSV of arrivals
	Shifts    string // CSV of who works when; empty: Operators of them, in Hours
	Operators int
	Languages []string      // of those; empty: all
	Hours     string        // "09:00-18:00"
	Queue     string        // of calls that name none; empty: the first
	Talk      time.Duration // mean
	TalkSigma float64       // 0: exponential, else lognormal
	Patience  time.Duration // mean; 0: without end
	Ring      time.Duration // mean, until an operator answers
	NoAnswer  float64       // share of offers
	Seed      uint64
	Staff     string // "80/20": find the fewest operators for that; empty: as many as there are

	// Progress, where set, is told what a long run is at.
	Progress func(what string)
}

// usualRules are those of a day without a configuration.
func usualRules() queue.Rules {
	return queue.Rules{
		Name: "general", Target: 20 * time.Second, Short: 5 * time.Second, Offer: 15 * time.Second, WrapUp: time.Minute, ReadyOnRegister: true,
	}
}

// SimulateDay lives through a day with the queue that decides in the server. f may be nil. Errors are
// faults of the files and of what was asked.
func SimulateDay(f *configs.File, d Day) (*DayStory, error) {
	plan, err := d.plan(f)
	if err != nil {
		return nil, err
	}
	if d.Staff != "" {
		return d.staff(plan)
	}
	r, err := day.Run(plan)
	if err != nil {
		return nil, err
	}
	return tellDay(r), nil
}

// plan reads the files.
func (d Day) plan(f *configs.File) (plan day.Plan, err error) {
	plan = day.Plan{
		Rules: []queue.Rules{usualRules()}, Talk: day.Spread{Mean: d.Talk, Sigma: d.TalkSigma}, Patience: day.Spread{Mean: d.Patience},
		Ring: d.Ring, NoAnswer: d.NoAnswer, Seed: d.Seed,
	}
	languages := configs.Default().Languages
	if f != nil {
		if rules := rules(f); len(rules) > 0 {
			plan.Rules = rules
		}
		languages = f.Languages
	}
	name := d.Queue
	if name == "" {
		name = plan.Rules[0].Name
	}
	in, err := os.Open(d.Calls)
	if err != nil {
		return plan, err
	}
	defer in.Close()
	if plan.Arrivals, err = day.ReadArrivals(d.Calls, in, name, languages[0], d.Seed); err != nil {
		return plan, err
	}
	if d.Progress != nil && len(plan.Arrivals) >= longDay {
		plan.Progress = func(come, all int) { d.Progress(fmt.Sprintf("%d of %d calls", come, all)) }
	}
	if d.Shifts == "" {
		if len(d.Languages) > 0 {
			languages = nil
			for _, l := range d.Languages {
				languages = append(languages, call.Language(l))
			}
		}
		plan.Shifts, err = d.same(d.Operators, languages)
		return plan, err
	}
	who, err := os.Open(d.Shifts)
	if err != nil {
		return plan, err
	}
	defer who.Close()
	plan.Shifts, err = day.ReadShifts(d.Shifts, who)
	return plan, err
}

// longDay is how many calls take so long that somebody wants to see how far it is.
const longDay = 20_000

// same are n operators who know the same and have the hours of the day.
func (d Day) same(n int, languages []call.Language) ([]day.Shift, error) {
	var spans configs.Hours
	if err := spans.Parse(d.Hours); err != nil || len(spans) != 1 {
		return nil, fmt.Errorf("hours: %q is no span, would be right: 09:00-18:00", d.Hours)
	}
	return day.Same(n, languages, time.Duration(spans[0].From)*time.Minute, time.Duration(spans[0].To)*time.Minute), nil
}

// mostStaff bounds the search for enough operators.
const mostStaff = 500

// staff lives through the day with more and more operators until the target is met.
func (d Day) staff(plan day.Plan) (*DayStory, error) {
	share, within, err := serviceLevel(d.Staff)
	if err != nil {
		return nil, err
	}
	for i := range plan.Rules {
		plan.Rules[i].Target = within
	}
	speaks := plan.Shifts[0].Operator.Languages
	for n := 1; n <= mostStaff; n++ {
		if d.Progress != nil {
			d.Progress(fmt.Sprintf("%d operators", n))
		}
		if plan.Shifts, err = d.same(n, speaks); err != nil {
			return nil, err
		}
		r, err := day.Run(plan)
		if err != nil {
			return nil, err
		}
		if r.Total.Level() >= share && r.Unserved() == 0 && r.Refused == 0 { // the level knows nothing of who was never served
			told := tellDay(r)
			told.Operators = &n
			return told, nil
		}
	}
	return nil, fmt.Errorf("%w: %s with %d operators: does anybody speak the callers' languages in their hours?", ErrNotEnough, d.Staff, mostStaff)
}

// ErrNotEnough says that no number of operators reaches what was asked for.
var ErrNotEnough = errors.New("the service level is not reached")

// serviceLevel reads 80/20: 80 % within 20 s.
func serviceLevel(text string) (share float64, within time.Duration, err error) {
	percent, seconds, _ := strings.Cut(text, "/")
	p, err1 := strconv.ParseFloat(percent, 64)
	s, err2 := strconv.ParseFloat(seconds, 64)
	if err1 != nil || err2 != nil || p <= 0 || p > 100 || s <= 0 {
		return 0, 0, fmt.Errorf("staff: %q is no service level, would be right: 80/20 for 80 %% within 20 s", text)
	}
	return p / 100, time.Duration(s * float64(time.Second)), nil
}

// A DayStory is a day that was lived through. Times are in seconds, shares from 0 to 1.
type DayStory struct {
	Operators *int      `json:"operators,omitempty"` // the fewest that are enough
	Total     DayPart   `json:"total"`
	Halves    []DayPart `json:"half_hours"`
	Work      []DayWork `json:"work"`
	Refused   int       `json:"refused"`
	Unserved  int       `json:"unserved"` // still waiting when the last thing had happened
	Target    float64   `json:"target_s"`
	Patience  float64   `json:"patience_s"`

	result *day.Result
}

// SVG draws the day.
func (d *DayStory) SVG() []byte { return day.Draw(d.result) }

// A DayPart is a half-hour, or the whole day.
type DayPart struct {
	From         string    `json:"from"`
	Offered      int       `json:"offered"`
	Answered     int       `json:"answered"`
	Within       int       `json:"answered_within_target"`
	Abandoned    int       `json:"abandoned"`
	Short        int       `json:"abandoned_short"`
	ServiceLevel float64   `json:"service_level"`
	OfAnswered   float64   `json:"service_level_of_answered"`
	Answer       float64   `json:"asa_s"`
	Longest      float64   `json:"longest_s"`
	Operators    float64   `json:"operators"`
	Occupancy    float64   `json:"occupancy"`
	ErlangC      *DayModel `json:"erlang_c,omitempty"`
	ErlangA      *DayModel `json:"erlang_a,omitempty"`
}

// A DayModel is what a formula says of a half-hour by itself.
type DayModel struct {
	Within    float64 `json:"within_target"`
	Answer    float64 `json:"asa_s"`
	Abandoned float64 `json:"abandoned"`
	Occupancy float64 `json:"occupancy"`
}

// A DayWork is what one operator did.
type DayWork struct {
	Name        string  `json:"name"`
	Calls       int     `json:"calls"`
	Utilisation float64 `json:"utilisation"`
}

func tellDay(r *day.Result) *DayStory {
	told := &DayStory{result: r, Target: r.Target.Seconds(), Patience: r.Patience.Seconds(), Total: tellInterval(r, r.Total, false), Halves: []DayPart{}, Work: []DayWork{}, Refused: r.Refused, Unserved: r.Unserved()}
	for _, i := range r.Intervals {
		told.Halves = append(told.Halves, tellInterval(r, i, true))
	}
	for _, w := range r.Operators {
		told.Work = append(told.Work, DayWork{w.Name, w.Calls, w.Utilisation()})
	}
	return told
}

func tellInterval(r *day.Result, i day.Interval, models bool) DayPart {
	told := DayPart{
		From: clockOf(i.From), Offered: i.Offered, Answered: i.Answered, Within: i.AnsweredWithin, Abandoned: i.Abandoned, Short: i.AbandonedShort,
		ServiceLevel: i.Level(), OfAnswered: i.Levels()[1], Answer: i.Answer().Seconds(), Longest: i.Longest.Seconds(),
		Operators: i.Operators(), Occupancy: i.Occupancy(),
	}
	if models {
		told.ErlangC, told.ErlangA = goal(erlang.C(r.Load(i), r.Target)), goal(erlang.A(r.Load(i), r.Target))
	}
	return told
}

// goal is a forecast; nil where the model has none, because more comes than can be served.
func goal(f erlang.Forecast) *DayModel {
	if f.Unstable {
		return nil
	}
	return &DayModel{f.Within, f.Answer.Seconds(), f.Abandoned, f.Occupancy}
}

func clockOf(d time.Duration) string {
	return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
}
