package queue

import (
	"fmt"
	"slices"
	"time"
)

// A journal is what is on disk of a simulated floor: the last checkpoint, and every event after it that
// the store has taken.
type journal struct {
	refuses    bool
	checkpoint []byte
	before     []told // the whole story up to the checkpoint
	after      []told // what the store has taken since
}

// checkpointSteps is after how many events a checkpoint is made.
const checkpointSteps = 150

func (j *journal) begin(w *witness) {
	j.checkpoint, _ = w.s.Save()
	j.before, j.after = slices.Clone(w.log), nil
}

// append writes down the last step.
func (j *journal) append(w *witness) {
	if j.refuses {
		return
	}
	j.after = append(j.after, w.log[len(w.log)-1])
	if len(j.after) >= checkpointSteps {
		j.begin(w)
	}
}

// recovers is the store taking again: what was missed is made up for by a checkpoint.
func (j *journal) recovers(w *witness) {
	if j.refuses {
		j.refuses = false
		j.begin(w)
	}
}

// restore makes a state of the journal, and a witness who knows what it can know. Replaying what was
// decided has to decide the same (I12), and a state that was loaded has to be the one that was saved.
func (j *journal) restore(w *witness, rules []Rules, now time.Time) (*witness, string) {
	state, err := Load(j.checkpoint)
	if err != nil {
		return w, fmt.Sprintf("I12: %v", err)
	}
	for i, step := range j.after {
		kind, b, err := EncodeEvent(step.ev)
		if err != nil {
			return w, fmt.Sprintf("I12: %v", err)
		}
		ev, err := DecodeEvent(kind, b)
		if err != nil {
			return w, fmt.Sprintf("I12: %v", err)
		}
		cmds, _ := EncodeCommands(state.Step(ev, step.at))
		if was, _ := EncodeCommands(step.cmds); string(was) != string(cmds) {
			return w, fmt.Sprintf("I12: event %d after the checkpoint, %T%+v, was answered by\n%s\nand is by\n%s", i, ev, ev, was, cmds)
		}
	}
	if j.refuses || len(j.before)+len(j.after) != len(w.log) { // the end of the story is lost
		if w = j.tell(rules); w.wrong != nil {
			return w, ""
		}
	}
	lived, _ := w.s.Save()
	restored, _ := state.Save()
	if string(lived) != string(restored) {
		return w, fmt.Sprintf("I12: the state was\n%s\nand is restored as\n%s", lived, restored)
	}
	w.s = state
	if ahead := w.now.Sub(now); ahead > 0 {
		if err := w.s.SetBack(ahead); err != nil {
			return w, fmt.Sprintf("I12: %v", err)
		}
		w.setBack(ahead)
	}
	j.refuses = false
	j.begin(w)
	return w, ""
}

// tell lets a new witness live through the story as the journal has it.
func (j *journal) tell(rules []Rules) *witness {
	w := newWitness(rules)
	for _, step := range slices.Concat(j.before, j.after) {
		if step.back > 0 {
			w.log = append(w.log, step)
			_ = w.s.SetBack(step.back)
			w.moveBack(step.back)
			continue
		}
		if w.stepAt(step.ev, step.at); w.wrong != nil {
			break
		}
	}
	return w
}

// setBack moves the witness's times as those of the State were, and remembers it.
func (w *witness) setBack(d time.Duration) {
	w.log = append(w.log, told{back: d})
	w.moveBack(d)
}

func (w *witness) moveBack(d time.Duration) {
	move := func(times ...*time.Time) {
		for _, t := range times {
			if !t.IsZero() {
				*t = t.Add(-d)
			}
		}
	}
	move(&w.now, &w.wake)
	for _, o := range w.ops {
		move(&o.deadline, &o.rest, &o.quiet, &o.wrap, &o.idle, &o.joined)
	}
	for _, c := range w.calls {
		move(&c.Arrived, &c.entered, &c.since, &c.boundUntil, &c.again, &c.toldAt)
	}
	for _, r := range w.rules {
		for _, p := range r.paces {
			for i := range p.answers {
				move(&p.answers[i])
			}
		}
	}
	for _, e := range w.ledger.calls {
		move(&e.arrived, &e.since, &e.at, &e.again)
	}
	for name, at := range w.ledger.rings {
		w.ledger.rings[name] = at.Add(-d)
	}
}
