package cases

import (
	"context"
	"time"

	"hotline/call"
)

// TaskRows keep tasks.
type TaskRows interface {
	Tasks(ctx context.Context, all bool) ([]call.Task, error)

	// ChangeTask changes a task that is open. change may be called more than once.
	ChangeTask(ctx context.Context, id call.ID, change func(*call.Task) (call.CaseChange, error)) (call.Task, error)

	CaseByID(ctx context.Context, id call.ID) (call.Case, error)
}

// Tasks are for whoever makes the calls: Due says whom to call now, Tried what came of it.
type Tasks struct {
	Rows  TaskRows
	Rules func() Rules
	Now   func() time.Time
}

// An Errand is somebody to be called, and what for.
type Errand struct {
	Task     call.ID
	Case     string // its number
	Call     call.ID
	To       call.Number
	Language call.Language
	Answer   string
	Tries    int // that reached nobody
}

const (
	// taskTries on at least two working days, then a letter.
	taskTries = 3

	// taskPause is between the first two tries.
	taskPause = 2 * time.Hour

	letterDays = 5
)

// Due are those who may be called now, the first due first. Outside the hours of work there are none.
func (t *Tasks) Due(ctx context.Context) ([]Errand, error) {
	rules, now := t.Rules(), t.Now()
	if from, to := rules.Hours(now.In(rules.Zone)); now.Before(from) || !now.Before(to) {
		return nil, nil
	}
	open, err := t.Rows.Tasks(ctx, false)
	if err != nil {
		return nil, err
	}
	var due []Errand
	for _, task := range open {
		if task.Kind != call.TaskCallback || task.Next.After(now) {
			continue
		}
		c, err := t.Rows.CaseByID(ctx, task.Case)
		if err != nil {
			return nil, err
		}
		due = append(due, Errand{Task: task.ID, Case: c.Number, Call: c.Call, To: c.From, Language: c.Language, Answer: c.Answer, Tries: task.Tries})
	}
	return due, nil
}

// Tried notes a try. Whom it did not reach is tried again later the same day, then on another working
// day; after that somebody has to write.
func (t *Tasks) Tried(ctx context.Context, id call.ID, reached bool) error {
	letter := call.NewID()
	_, err := t.Rows.ChangeTask(ctx, id, func(task *call.Task) (ch call.CaseChange, err error) {
		rules, now := t.Rules(), t.Now()
		task.Changed = now
		note := func(what string) {
			ch.Notes = []call.CaseNote{{At: now, Who: us, What: what}}
		}
		if reached {
			task.Outcome = call.TaskDone
			note("told by telephone")
			return ch, nil
		}
		task.Tries++
		note("called, nobody was reached")
		switch {
		case task.Tries >= taskTries:
			task.Outcome = call.TaskNotThere
			due := rules.Hours.after(now.In(rules.Zone), letterDays)
			ch.Tasks = []call.Task{{ID: letter, Kind: call.TaskLetter, Made: now, Next: now, Due: due, Changed: now}}
		case task.Tries == 1 && now.Add(taskPause).Before(rules.Hours.today(now.In(rules.Zone))):
			task.Next = now.Add(taskPause)
		default:
			task.Next, _ = rules.Hours.day(now.In(rules.Zone), 1)
		}
		return ch, nil
	})
	return err
}

// Done ends a task that somebody has done in another way.
func (t *Tasks) Done(ctx context.Context, who string, id call.ID) (call.Task, error) {
	return t.Rows.ChangeTask(ctx, id, func(task *call.Task) (call.CaseChange, error) {
		now := t.Now()
		task.Outcome, task.Changed = call.TaskDone, now
		return call.CaseChange{Notes: []call.CaseNote{{At: now, Who: who, What: string(task.Kind) + " done"}}}, nil
	})
}

// today is the end of work on the day of t.
func (h Hours) today(t time.Time) time.Time {
	_, to := h(t)
	return to
}
