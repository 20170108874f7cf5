package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"hotline/call"
	"hotline/recording/chain"
)

// What came of asking.
const (
	LetIn     = "let_in"
	Refused   = "refused"
	Unwritten = "unwritten" // the log took nothing, so nobody was let in
)

// Errors that somebody branches on.
var (
	ErrRefused = errors.New("refused")                                                 // the table, or the reason, does not allow it
	ErrNoLog   = errors.New("the log of accesses cannot be written, so nothing opens") // and nobody was let in
)

// An Entry is one line of the log: who asked for what, when, from where, and why.
type Entry struct {
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
	Role    string    `json:"role"`           // empty: no user of ours
	From    string    `json:"from"`           // where the request came from
	Do      string    `json:"do"`             // Play, …
	Call    call.ID   `json:"call,omitempty"` // empty: none, or all
	Why     string    `json:"why"`
	With    string    `json:"with,omitempty"`    // the second person
	Refused string    `json:"refused,omitempty"` // why; empty: let in

	// Confidential says that something confidential was left in the call: only the chief hears that.
	Confidential bool `json:"confidential,omitempty"`
	chain.Link
}

// A Gatekeeper lets in or refuses, and writes down. Its methods may be called from any goroutine.
type Gatekeeper struct {
	log     *chain.Log
	now     func() time.Time
	writing chan struct{} // one writes at a time; a channel, so that who waits can give up
	counted func(do, result string)
}

// Options are what a Gatekeeper is made of.
type Options struct {
	Log     *chain.Log
	Now     func() time.Time        // nil: time.Now
	Counted func(do, result string) // told of each who asks what came of it: LetIn, Refused or Unwritten; may be nil
}

// New makes a Gatekeeper over a log.
func New(o Options) *Gatekeeper {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Counted == nil {
		o.Counted = func(string, string) {}
	}
	return &Gatekeeper{log: o.Log, now: o.Now, writing: make(chan struct{}, 1), counted: o.Counted}
}

// Ask asks to be let in. When it returns nil, the entry is on the disk and what was asked for may happen. It
// returns ErrRefused, written down too, where the table or a missing reason is against it, and ErrNoLog where
// the entry could not be written, or not before ctx ended: a hanging disk may still write it later. Entry.At,
// Refused and Link are set here.
func (g *Gatekeeper) Ask(ctx context.Context, e Entry) error {
	e.At, e.Refused, e.Link = g.now().UTC().Truncate(time.Millisecond), "", chain.Link{}
	e.Who, e.Why, e.With = tidy(e.Who), tidy(e.Why), tidy(e.With)
	refused := g.judge(e)
	if refused != nil {
		e.Refused = strings.TrimPrefix(refused.Error(), ErrRefused.Error()+": ")
	}
	if err := g.write(ctx, e); err != nil {
		g.counted(e.Do, Unwritten)
		return errors.Join(fmt.Errorf("%w: %w", ErrNoLog, err), refused)
	}
	if refused != nil {
		g.counted(e.Do, Refused)
		return refused
	}
	g.counted(e.Do, LetIn)
	return nil
}

func (g *Gatekeeper) judge(e Entry) error {
	if e.Who == "" {
		return fmt.Errorf("%w: nobody says who asks", ErrRefused)
	}
	if err := may(e.Role, e.Do); err != nil {
		return err
	}
	if e.Confidential && e.Role != Chief && sounds(e.Do) {
		return fmt.Errorf("%w: something confidential was left in this call, which is the chief's to hear; ask the chief", ErrRefused)
	}
	return Reason(e.Why)
}

// write puts the entry on the disk, and does not wait longer than ctx.
func (g *Gatekeeper) write(ctx context.Context, e Entry) error {
	select {
	case g.writing <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("the disk takes too long: %w", ctx.Err())
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-g.writing }()
		done <- g.log.Append(&e, &e.Link)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the disk takes too long: %w", ctx.Err())
	}
}

// What a reason must have, one of both: enough that it says something, so little that nobody is kept from work.
const (
	leastWords   = 3
	leastLetters = 10
	mostLetters  = 2000
)

// Reason says what is wrong with a reason, as ErrRefused, or nil: it has three words or ten letters.
func Reason(why string) error {
	why = tidy(why)
	letters := 0
	for _, r := range why {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			letters++
		}
	}
	words := 0
	for _, w := range strings.Fields(why) {
		if strings.IndexFunc(w, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) >= 0 {
			words++
		}
	}
	switch {
	case utf8.RuneCountInString(why) > mostLetters:
		return fmt.Errorf("%w: the reason is longer than %d letters", ErrRefused, mostLetters)
	case letters == 0:
		return fmt.Errorf("%w: say why, in three words or more", ErrRefused)
	case words < leastWords && letters < leastLetters:
		return fmt.Errorf("%w: %q says too little, say why in three words or more", ErrRefused, why)
	}
	return nil
}

// tidy makes one line of a text, without what a terminal would take for a command.
func tidy(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError || unicode.Is(unicode.Cf, r) {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}
