package app

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"hotline/call"
	"hotline/recording/chain"
)

// An accessLog writes down each access: DATA/access/access.jsonl, a signed chain of lines. It refuses whom it cannot
// write down, and nobody else.
type accessLog struct {
	data string
	now  func() time.Time
	mu   sync.Mutex
}

// An accessLine is one line of it.
type accessLine struct {
	At   time.Time `json:"at"`
	Who  string    `json:"who"`
	Role string    `json:"role"`
	From string    `json:"from"`
	Do   string    `json:"do"`
	Call call.ID   `json:"call,omitempty"`
	Why  string    `json:"why"`
	chain.Link
}

// Ask implements doorkeeper.
func (l *accessLog) Ask(_ context.Context, a asked) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	key, err := chain.LoadKey(filepath.Join(l.data, "keys"))
	if err != nil {
		return err
	}
	log, err := chain.OpenLog(filepath.Join(l.data, "access", "access.jsonl"), key)
	if err != nil {
		return fmt.Errorf("the log of accesses: %w", err)
	}
	defer log.Close() // what was appended is on the disk
	line := accessLine{At: l.now().UTC().Truncate(time.Millisecond), Who: a.Who, Role: a.Role, From: a.From, Do: a.Do, Call: a.Call, Why: a.Why}
	if err := log.Append(&line, &line.Link); err != nil {
		return fmt.Errorf("the log of accesses: %w", err)
	}
	return nil
}
