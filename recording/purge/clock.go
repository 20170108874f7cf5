package purge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"hotline/recording/durable"
)

// The bounds of what a clock may do.
const (
	// parts is how far the clock of the world may move against the one that only counts, or over a stop of the
	// server, before it is not believed.
	parts = 24 * time.Hour

	// steady is how long a clock must then go right before it is believed again.
	steady = 24 * time.Hour
)

// clockFile is where the last time that was seen is kept, in the data folder.
const clockFile = "clock.json"

// seen is what clockFile says.
type seen struct {
	At      time.Time     `json:"at"`                // the last time that was seen
	Stopped string        `json:"stopped,omitempty"` // why the clock is not believed; empty: it is
	Since   time.Time     `json:"since,omitzero"`    // when that began
	Steady  time.Duration `json:"steady,omitempty"`  // how long it has gone right since
	By      string        `json:"by,omitempty"`      // who vouched for it last
}

// A Clock says whether the time can be believed. Its methods may be called from any goroutine.
type Clock struct {
	root *os.Root
	wall func() time.Time
	mono func() time.Duration

	mu    sync.Mutex
	seen  seen
	last  time.Duration // mono at the last look
	begin time.Duration // what wall and mono were when the clock was last believed to be right
	right time.Time
}

// openClock reads the time that was last seen. used says that there are recordings: then a folder without it is
// not believed, or whoever takes it away could set the clock as they like.
func openClock(root *os.Root, wall func() time.Time, mono func() time.Duration, used bool) (*Clock, error) {
	c := &Clock{root: root, wall: wall, mono: mono}
	now := c.time()
	b, err := root.ReadFile(clockFile)
	if err == nil {
		err = json.Unmarshal(b, &c.seen)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist) && !used:
	case err != nil:
		c.stop(now, "it is not known when the server ran last")
	case now.Sub(c.seen.At).Abs() > parts:
		c.stop(now, fmt.Sprintf("when the server ran last it was %s, now it is %s", c.seen.At.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339)))
	}
	c.last, c.begin, c.right = mono(), mono(), now
	c.seen.At = now
	return c, c.keep()
}

// time is the clock of the world alone.
func (c *Clock) time() time.Time { return c.wall().Round(0) }

// stop notes that the clock is not believed. The lock is held, or nobody else has the clock yet.
func (c *Clock) stop(now time.Time, why string) {
	c.seen.Stopped, c.seen.Since, c.seen.Steady = why, now, 0
}

// Look compares the clocks, and says why the time cannot be believed, or "". It is to be called every few
// minutes at least. began and ended say that the answer is another than at the last look.
func (c *Clock) Look() (stopped string, began, ended bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	was := c.seen.Stopped
	now, mono := c.time(), c.mono()
	passed := mono - c.last
	c.last = mono
	// Against the last time it was right, not against the last look: a clock may be set in small steps.
	if moved := now.Sub(c.right) - (mono - c.begin); moved.Abs() > parts {
		c.stop(now, fmt.Sprintf("the clock was set by %v while the server ran", moved.Round(time.Minute)))
		c.right, c.begin, began = now, mono, true
	} else if c.seen.Stopped != "" {
		if c.seen.Steady += max(0, passed); c.seen.Steady >= steady {
			c.seen.Stopped, c.seen.Since, c.seen.Steady, ended = "", time.Time{}, 0, true
			c.right, c.begin = now, mono
		}
	}
	c.seen.At = now
	return c.seen.Stopped, began || was == "" && c.seen.Stopped != "", ended, c.keep()
}

// Stopped says why the time cannot be believed, as of the last look, and how much longer it must go right.
func (c *Clock) Stopped() (why string, left time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen.Stopped == "" {
		return "", 0
	}
	return c.seen.Stopped, steady - c.seen.Steady
}

// Vouch believes the clock because somebody says that it is right.
func (c *Clock) Vouch(by string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = c.mono()
	c.right, c.begin = c.time(), c.last
	c.seen = seen{At: c.right, By: by}
	return c.keep()
}

// keep writes down what was seen. The lock is held.
func (c *Clock) keep() error {
	b, err := json.Marshal(c.seen)
	if err != nil {
		return fmt.Errorf("the time that was last seen: %w", err)
	}
	if err := durable.Replace(c.root, clockFile, append(b, '\n'), fileMode); err != nil {
		return fmt.Errorf("the time that was last seen: %w", err)
	}
	return nil
}
