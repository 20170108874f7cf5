package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"hotline/call"
)

// The levels of a skill.
const (
	lowestLevel  = 1
	highestLevel = 5
)

// ErrNotFit says that what was to be changed of a user cannot be.
var ErrNotFit = errors.New("cannot be")

var skillName = regexp.MustCompile(`^[a-zA-Z0-9_-]{1,32}$`)

// checkSkills says which skills cannot be: a name that is none, a level that is none, the level in a
// language that is not spoken.
func (u User) checkSkills() error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(u.Skills)) {
		switch level := u.Skills[name]; {
		case !skillName.MatchString(name):
			errs = append(errs, fmt.Errorf("skill %q: want 1 to 32 letters, digits, hyphens and underscores", name))
		case level < lowestLevel || level > highestLevel:
			errs = append(errs, fmt.Errorf("skill %s: %d is no level, want %d to %d", name, level, lowestLevel, highestLevel))
		case isLanguage(call.Language(name)) && !slices.Contains(u.Languages, call.Language(name)):
			errs = append(errs, fmt.Errorf("skill %s: is a language, and not among those spoken (%v)", name, u.Languages))
		}
	}
	return errors.Join(errs...)
}

func checkQueues(queues []string) error {
	for i, q := range queues {
		if q == "" {
			return errors.New("queues: one is empty")
		}
		if slices.Contains(queues[:i], q) {
			return fmt.Errorf("queues: %s stands twice", q)
		}
	}
	return nil
}

// isLanguage reports whether l is written as a language is: two small letters.
func isLanguage(l call.Language) bool {
	return len(l) == 2 && l[0] >= 'a' && l[0] <= 'z' && l[1] >= 'a' && l[1] <= 'z'
}

// SetSkills makes these the skills of a user: level by name. The error is ErrUnknown where there is
// no such user, ErrNotFit where they cannot be.
func (s *Store) SetSkills(ctx context.Context, name string, skills map[string]int) error {
	return s.changeUser(ctx, name, "skills", func(u *User) any {
		u.Skills = skills
		return skillsOf(*u)
	})
}

// SetQueues makes these the queues that a user serves, in the order in which they are taken; none:
// every queue. The error is ErrUnknown where there is no such user, ErrNotFit where they cannot be.
func (s *Store) SetQueues(ctx context.Context, name string, queues []string) error {
	return s.changeUser(ctx, name, "queues", func(u *User) any {
		u.Queues = queues
		return append([]string{}, queues...)
	})
}

// changeUser changes one column of a user to what change returns, as JSON, if the user it makes can be.
func (s *Store) changeUser(ctx context.Context, name, column string, change func(*User) any) error {
	err := s.changeUsers(ctx, func(tx *sql.Tx) error {
		found, err := query(ctx, tx, scanUser, `SELECT `+userColumns+` FROM users WHERE name = ?`, name)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return ErrUnknown
		}
		value := change(&found[0])
		if err := found[0].Check(); err != nil {
			return fmt.Errorf("%w: %w", ErrNotFit, err)
		}
		text, err := jsonTexts(value)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE users SET `+column+` = ? WHERE name = ?`, text[0], name)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s of %s: %w", column, name, err)
	}
	return nil
}

// skillsOf is a user's skills as a row has them: an object also where there are none.
func skillsOf(u User) map[string]int {
	if u.Skills == nil {
		return map[string]int{}
	}
	return u.Skills
}

// jsonTexts writes each value as JSON.
func jsonTexts(values ...any) ([]string, error) {
	texts := make([]string, len(values))
	for i, v := range values {
		b, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		texts[i] = string(b)
	}
	return texts, nil
}
