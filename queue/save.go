package queue

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"hotline/call"
)

// saveForm is the form of what Save writes. A release that writes another one counts it up; fields
// that are only added need none.
const saveForm = 1

// ErrNewerForm says that a state was saved by a release that writes another form.
var ErrNewerForm = errors.New("it was saved by a newer release")

// What Save writes: every fact that a later step may depend on. Who is free, who fits whom and which
// timers run follow from the facts, and are found anew by Load. The names of the fields, those of
// Rules, Operator and Ticket included, are on disk: they keep their meaning for ever.
type (
	saved struct {
		Form      int                `json:"form"`
		Now       time.Time          `json:"now"`
		House     House              `json:"house"`
		Rules     []savedRule        `json:"rules"`
		Operators []savedOperator    `json:"operators"`
		Phones    []string           `json:"phones"`
		Calls     []savedCaller      `json:"calls"`
		Parties   map[string]call.ID `json:"parties"`
	}

	savedRule struct {
		Rules
		Retired bool                        `json:"retired,omitempty"`
		Closed  bool                        `json:"closed,omitempty"`
		Turn    string                      `json:"turn,omitempty"`
		Paces   map[call.Language]savedPace `json:"paces,omitempty"`
	}

	savedPace struct {
		Handled []time.Duration `json:"handled,omitempty"`
		Waits   []time.Duration `json:"waits,omitempty"`
		Answers []time.Time     `json:"answers,omitempty"`
	}

	savedOperator struct {
		Operator
		Removed    bool           `json:"removed,omitempty"`
		Registered bool           `json:"registered,omitempty"`
		SignedOn   bool           `json:"signed_on,omitempty"`
		Paused     bool           `json:"paused,omitempty"`
		Reason     string         `json:"reason,omitempty"`
		OwnCalls   int            `json:"own_calls,omitempty"`
		Reserved   bool           `json:"reserved,omitempty"`
		State      OperatorState  `json:"state"`
		Since      time.Time      `json:"since"`
		Idle       time.Time      `json:"idle,omitzero"`
		Deadline   time.Time      `json:"deadline,omitzero"`
		WrapUntil  time.Time      `json:"wrap_until,omitzero"`
		RestUntil  time.Time      `json:"rest_until,omitzero"`
		QuietUntil time.Time      `json:"quiet_until,omitzero"`
		Silent     bool           `json:"silent,omitempty"`
		Extend     int            `json:"extend,omitempty"`
		InRow      int            `json:"in_row,omitempty"`
		Talked     time.Duration  `json:"talked,omitempty"`
		Joined     time.Time      `json:"joined,omitzero"`
		LastCall   call.ID        `json:"last_call,omitempty"`
		LastQueue  string         `json:"last_queue,omitempty"`   // where it still is one of the rules
		LastWrapUp *time.Duration `json:"last_wrap_up,omitempty"` // else
	}

	savedCaller struct {
		Ticket
		HeadStart  time.Duration `json:"head_start,omitempty"`
		Rank       time.Time     `json:"rank"`
		Entered    time.Time     `json:"entered"`
		Since      time.Time     `json:"since"`
		Step       int           `json:"step,omitempty"`
		Spread     int           `json:"spread,omitempty"`
		Ringing    []string      `json:"ringing,omitempty"`
		TalksTo    string        `json:"talks_to,omitempty"`
		Held       bool          `json:"held,omitempty"`
		Counted    bool          `json:"counted,omitempty"`
		Expired    bool          `json:"expired,omitempty"`
		Bound      string        `json:"bound,omitempty"`
		BoundUntil time.Time     `json:"bound_until,omitzero"`
		Reached    bool          `json:"reached,omitempty"`
		Tries      int           `json:"tries,omitempty"`
		NotBefore  time.Time     `json:"not_before,omitzero"`
		Told       time.Duration `json:"told,omitempty"`
		ToldAt     time.Time     `json:"told_at,omitzero"`
	}
)

// Save writes down everything that decides, as JSON: the same state always as the same text. A
// state that Load makes of it answers every later step as this one would.
func (s *State) Save() ([]byte, error) {
	v := saved{
		Form: saveForm, Now: s.now, House: s.house, Rules: []savedRule{}, Operators: []savedOperator{},
		Phones: slices.Sorted(maps.Keys(s.phones)), Calls: []savedCaller{}, Parties: s.parties,
	}
	for _, r := range s.rules {
		v.Rules = append(v.Rules, r.save())
	}
	for _, o := range s.operators {
		v.Operators = append(v.Operators, s.saveOperator(o))
	}
	for _, id := range slices.Sorted(maps.Keys(s.calls)) {
		v.Calls = append(v.Calls, s.calls[id].save())
	}
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("save the floor: %w", err)
	}
	return b, nil
}

func (r *ruled) save() savedRule {
	v := savedRule{Rules: r.Rules, Retired: r.retired, Closed: r.closed, Turn: r.turn, Paces: map[call.Language]savedPace{}}
	for l, p := range r.paces {
		v.Paces[l] = savedPace{p.handled, p.waits, p.answers}
	}
	return v
}

func (s *State) saveOperator(o *operator) savedOperator {
	v := savedOperator{
		Operator: o.Operator, Removed: o.removed, Registered: o.registered, SignedOn: o.signedOn, Paused: o.paused,
		Reason: o.reason, OwnCalls: o.ownCalls, Reserved: o.reserved, State: o.state, Since: o.since, Idle: o.idle,
		Deadline: o.deadline, WrapUntil: o.wrapUntil, RestUntil: o.restUntil, QuietUntil: o.quietUntil, Silent: o.silent,
		Extend: o.extend, InRow: o.inRow, Talked: o.talked, Joined: o.joined, LastCall: o.last,
	}
	switch r := o.lastFor; {
	case r == nil:
	case slices.Contains(s.rules, r):
		v.LastQueue = r.Name
	default: // a reload has dropped it since
		v.LastWrapUp = &r.WrapUp
	}
	return v
}

func (c *caller) save() savedCaller {
	v := savedCaller{
		Ticket: c.Ticket, HeadStart: c.headStart, Rank: c.rank, Entered: c.entered, Since: c.since, Step: c.step,
		Spread: c.spread, Held: c.held, Counted: c.counted, Expired: c.expired, BoundUntil: c.boundUntil,
		Reached: c.reached, Tries: c.tries, NotBefore: c.notBefore, Told: c.told, ToldAt: c.toldAt,
	}
	for _, o := range c.ringing {
		v.Ringing = append(v.Ringing, o.Name)
	}
	if c.operator != nil {
		v.TalksTo = c.operator.Name
	}
	if c.bound != nil {
		v.Bound = c.bound.Name
	}
	return v
}

// Load makes a state of what Save wrote. Fields that it does not know are passed over. An error says
// what does not fit together; ErrNewerForm that a newer release wrote it.
func Load(b []byte) (*State, error) {
	var v saved
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, fmt.Errorf("load the floor: %w", err)
	}
	s := New(nil)
	if err := s.load(v); err != nil {
		return nil, fmt.Errorf("load the floor: %w", err)
	}
	return s, nil
}

func (s *State) load(v saved) error {
	switch {
	case v.Form > saveForm:
		return ErrNewerForm
	case v.Form < 1:
		return errors.New("it is no saved floor")
	}
	s.now, s.house = v.Now, v.House
	for _, user := range v.Phones {
		s.phones[user] = true
	}
	maps.Copy(s.parties, v.Parties)
	for _, r := range v.Rules {
		if s.rule(r.Name) != nil {
			return fmt.Errorf("queue %q stands there twice", r.Name)
		}
		is := &ruled{Rules: r.Rules, retired: r.Retired, closed: r.Closed, turn: r.Turn, paces: map[call.Language]*pace{}}
		for l, p := range r.Paces {
			is.paces[l] = &pace{p.Handled, p.Waits, p.Answers}
		}
		s.rules = append(s.rules, is)
	}
	for _, o := range v.Operators {
		if err := s.loadOperator(o); err != nil {
			return err
		}
	}
	for _, c := range v.Calls {
		if err := s.loadCaller(c); err != nil {
			return fmt.Errorf("call %s: %w", c.Call, err)
		}
	}
	for _, o := range s.operators {
		if offered := o.caller != nil && !o.talking(); offered == o.deadline.IsZero() {
			return fmt.Errorf("operator %q: an offer and its deadline do not fit", o.Name)
		}
		s.touch(o)
	}
	s.flush()
	return nil
}

func (s *State) loadOperator(v savedOperator) error {
	o, i := s.find(v.Name)
	switch {
	case o != nil:
		return fmt.Errorf("operator %q stands there twice", v.Name)
	case !slices.Contains(OperatorStates, v.State):
		return fmt.Errorf("operator %q: %q is no state", v.Name, v.State)
	}
	o = &operator{
		Operator: v.Operator, removed: v.Removed, registered: v.Registered, signedOn: v.SignedOn, paused: v.Paused,
		reason: v.Reason, ownCalls: v.OwnCalls, reserved: v.Reserved, state: v.State, since: v.Since, idle: v.Idle,
		deadline: v.Deadline, wrapUntil: v.WrapUntil, restUntil: v.RestUntil, quietUntil: v.QuietUntil, silent: v.Silent,
		extend: v.Extend, inRow: v.InRow, talked: v.Talked, joined: v.Joined, last: v.LastCall,
	}
	o.timer = timer{key: "o" + o.Name, operator: o}
	if v.LastWrapUp != nil {
		o.lastFor = &ruled{Rules: Rules{WrapUp: *v.LastWrapUp}, paces: map[call.Language]*pace{}}
	} else if o.lastFor = s.rule(v.LastQueue); o.lastFor == nil && v.LastQueue != "" {
		return fmt.Errorf("operator %q: queue %q: %w", o.Name, v.LastQueue, ErrNoQueue)
	}
	if o.lastFor == nil && !o.wrapUntil.IsZero() {
		return fmt.Errorf("operator %q: a wrap-up of no queue", o.Name)
	}
	s.operators = slices.Insert(s.operators, i, o)
	s.join(o)
	return nil
}

func (s *State) loadCaller(v savedCaller) error {
	r := s.rule(v.Queue)
	switch {
	case r == nil:
		return fmt.Errorf("queue %q: %w", v.Queue, ErrNoQueue)
	case s.calls[v.Call] != nil:
		return ErrDoubled
	case v.TalksTo != "" && len(v.Ringing) > 0:
		return errors.New("it is offered, and answered")
	}
	c := &caller{
		Ticket: v.Ticket, rule: r, rank: v.Rank, headStart: v.HeadStart, entered: v.Entered, since: v.Since,
		step: max(0, v.Step), spread: max(0, v.Spread), held: v.Held, counted: v.Counted, expired: v.Expired,
		boundUntil: v.BoundUntil, reached: v.Reached, tries: v.Tries, notBefore: v.NotBefore, told: v.Told, toldAt: v.ToldAt,
	}
	c.timer = timer{key: "~" + string(c.Call), caller: c}
	take := func(name string) (*operator, error) {
		o, _ := s.find(name)
		if o == nil {
			return nil, fmt.Errorf("operator %q: %w", name, ErrNoOperator)
		}
		if o.caller != nil {
			return nil, fmt.Errorf("operator %q has another call", name)
		}
		o.caller = c
		return o, nil
	}
	for _, name := range v.Ringing {
		o, err := take(name)
		if err != nil {
			return err
		}
		c.ringing = append(c.ringing, o)
	}
	if v.TalksTo != "" {
		o, err := take(v.TalksTo)
		if err != nil {
			return err
		}
		c.operator = o
	}
	if v.Bound != "" {
		if c.bound, _ = s.find(v.Bound); c.bound == nil {
			return fmt.Errorf("operator %q: %w", v.Bound, ErrNoOperator)
		}
		c.bound.bound = append(c.bound.bound, c)
	}
	s.calls[c.Call] = c
	r.calls++
	if c.waits() {
		c.within()
		r.insert(c)
	}
	s.touchCaller(c)
	return nil
}

// within keeps a caller's steps to those that the rules have now.
func (c *caller) within() {
	c.step, c.spread = min(c.step, len(c.rule.Steps)), min(c.spread, len(c.rule.Overflow))
}

// Now is the time of the last step.
func (s *State) Now() time.Time { return s.now }

// SetBack moves every time in the state back by d. It is for a state that was saved by a clock which
// was ahead: a state never goes back by itself, and would stand still until the clock has caught up.
func (s *State) SetBack(d time.Duration) error {
	b, err := s.Save()
	if err != nil {
		return err
	}
	var v any
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber() // durations stay whole
	if err := dec.Decode(&v); err != nil {
		return fmt.Errorf("set the floor back: %w", err)
	}
	if b, err = json.Marshal(setBack(v, d)); err != nil {
		return fmt.Errorf("set the floor back: %w", err)
	}
	back, err := Load(b)
	if err != nil {
		return err
	}
	*s = *back
	return nil
}

// setBack moves whatever reads as a time. Names, which people choose, do not read as one.
func setBack(v any, d time.Duration) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = setBack(value, d)
		}
	case []any:
		for i, value := range v {
			v[i] = setBack(value, d)
		}
	case string:
		if len(v) < len("2026-11-25T09:00:00Z") || !strings.Contains(v, "T") {
			return v
		}
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil && !t.IsZero() {
			return t.Add(-d)
		}
	}
	return v
}
