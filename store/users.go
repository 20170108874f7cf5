package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"hotline/call"
)

// A User is a person who works here. For operators Name is also the SIP user.
type User struct {
	Name      string
	Role      string
	Languages []call.Language
	Skills    map[string]int // level by name; one with a language's code is the level in it
	Queues    []string       // in the order in which they are taken; empty: every queue
	Disabled  bool
	Phone     bool // has a SIP secret
	Created   time.Time

	AutoAnswer bool // the phone is asked to answer by itself
}

// Roles is the closed list of roles.
var roles = []string{"operator", "supervisor", "chief", "admin"}

// ErrExists says that there is a user of that name already.
var ErrExists = errors.New("exists already")

var userName = regexp.MustCompile(`^[a-z0-9._-]{1,32}$`)

// Check says what of a user cannot be: the name (a-z, 0-9, dot, underscore and hyphen, 1 to 32
// of them), the role, a language that is not two letters, an empty queue.
func (u User) Check() error {
	var errs []error
	if !userName.MatchString(u.Name) {
		errs = append(errs, fmt.Errorf("name %q: want 1 to 32 of a-z, 0-9, dot, underscore, hyphen", u.Name))
	}
	if !slices.Contains(roles, u.Role) {
		errs = append(errs, fmt.Errorf("role %q: want operator, supervisor, chief or admin", u.Role))
	}
	for _, l := range u.Languages {
		if !isLanguage(l) {
			errs = append(errs, fmt.Errorf("language %q: want a code of two letters, as az, en, ru", l))
		}
	}
	if u.Role == "operator" && len(u.Languages) == 0 {
		errs = append(errs, errors.New("languages: an operator needs at least one"))
	}
	return errors.Join(append(errs, u.checkSkills(), checkQueues(u.Queues))...)
}

// AddUser adds a user with a password. The error is ErrExists where the name is taken, also by
// a user who is disabled. Created and Phone are not taken from u.
func (s *Store) AddUser(ctx context.Context, u User, password string) error {
	if err := u.Check(); err != nil {
		return fmt.Errorf("add user: %w", err)
	}
	hash, err := s.hashPassword(ctx, password)
	if err != nil {
		return fmt.Errorf("add user %s: %w", u.Name, err)
	}
	lists, err := jsonTexts(append([]call.Language{}, u.Languages...), append([]string{}, u.Queues...), skillsOf(u))
	if err != nil {
		return err
	}
	err = s.changeUsers(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `INSERT INTO users (name, role, languages, queues, skills, disabled, password, created, auto_answer)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING`,
			u.Name, u.Role, lists[0], lists[1], lists[2], u.Disabled, hash, time.Now().UnixMicro(), u.AutoAnswer)
		return oneRow(res, err, ErrExists)
	})
	if err != nil {
		return fmt.Errorf("add user %s: %w", u.Name, err)
	}
	return nil
}

// SetPassword gives a user another password. The error is ErrUnknown where there is no such user.
func (s *Store) SetPassword(ctx context.Context, name, password string) error {
	hash, err := s.hashPassword(ctx, password)
	if err != nil {
		return fmt.Errorf("password of %s: %w", name, err)
	}
	err = s.changeUsers(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE users SET password = ? WHERE name = ?`, hash, name)
		return oneRow(res, err, ErrUnknown)
	})
	if err != nil {
		return fmt.Errorf("password of %s: %w", name, err)
	}
	return nil
}

// SetAutoAnswer says whether a user's phone is asked to answer by itself. The error is
// ErrUnknown where there is no such user.
func (s *Store) SetAutoAnswer(ctx context.Context, name string, on bool) error {
	err := s.changeUsers(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE users SET auto_answer = ? WHERE name = ?`, on, name)
		return oneRow(res, err, ErrUnknown)
	})
	if err != nil {
		return fmt.Errorf("auto answer of %s: %w", name, err)
	}
	return nil
}

// DisableUser takes from a user every right; the phone's next REGISTER is refused. The error
// is ErrUnknown where there is no such user.
func (s *Store) DisableUser(ctx context.Context, name string) error {
	err := s.changeUsers(ctx, func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE users SET disabled = 1 WHERE name = ?`, name)
		return oneRow(res, err, ErrUnknown)
	})
	if err != nil {
		return fmt.Errorf("disable %s: %w", name, err)
	}
	return nil
}

// Users returns all users by name, disabled ones too.
func (s *Store) Users(ctx context.Context) ([]User, error) {
	return query(ctx, s.reader, scanUser, `SELECT `+userColumns+` FROM users ORDER BY name`)
}

// CheckPassword returns the user of that name where the password is right and the user is not
// disabled. It takes the same time for a name that is not known.
func (s *Store) CheckPassword(ctx context.Context, name, password string) (User, bool, error) {
	hash := noUserHash
	err := s.reader.QueryRowContext(ctx, `SELECT password FROM users WHERE name = ?`, name).Scan(&hash)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return User{}, false, fmt.Errorf("check a password: %w", err)
	}
	ok, err := s.passwordMatches(ctx, hash, password)
	if err != nil || !ok {
		return User{}, false, err
	}
	got, err := query(ctx, s.reader, scanUser, `SELECT `+userColumns+` FROM users WHERE name = ?`, name)
	if err != nil || len(got) != 1 || got[0].Disabled {
		return User{}, false, err
	}
	return got[0], true, nil
}

// noUserHash is worked on for names that are not known. It is of no password: the hash is not
// what argon2id gives for anything we know.
const noUserHash = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// userColumns are those of scanUser, in its order.
const userColumns = `name, role, languages, queues, skills, disabled, created, auto_answer,
	EXISTS (SELECT 1 FROM sip_secrets WHERE user = name)`

func scanUser(rows *sql.Rows) (u User, err error) {
	var (
		languages, queues, skills string
		created                   int64
	)
	if err := rows.Scan(&u.Name, &u.Role, &languages, &queues, &skills, &u.Disabled, &created, &u.AutoAnswer, &u.Phone); err != nil {
		return u, err
	}
	u.Created = time.UnixMicro(created).UTC()
	return u, errors.Join(json.Unmarshal([]byte(languages), &u.Languages), json.Unmarshal([]byte(queues), &u.Queues),
		json.Unmarshal([]byte(skills), &u.Skills))
}

// changeUsers runs f in a transaction that also says, to this and any other process, that the
// users are not what they were.
func (s *Store) changeUsers(ctx context.Context, f func(tx *sql.Tx) error) error {
	err := s.write(ctx, func(tx *sql.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE marks SET value = value + 1 WHERE name = 'users'`)
		return err
	})
	s.ha1s.forget()
	return err
}

// oneRow turns the result of a statement that must touch one row into an error.
func oneRow(res sql.Result, err, none error) error {
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err == nil && n == 0 {
		err = none
	}
	return err
}
