package app

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"hotline/queue"
)

const (
	// unwatched is how often a supervisor hears of us that does not want to hear at certain times.
	unwatched = 10 * time.Second

	// closingTime is what a supervisor is asked for while the parts are taken apart: more than all
	// their bounds together.
	closingTime = 90 * time.Second
)

// A Supervisor is whoever started the program and wants to be told how it is, systemd above all: one
// datagram a message, to the socket that NOTIFY_SOCKET names (sd_notify(3)). A nil Supervisor is
// nobody and hears nothing.
type Supervisor struct {
	socket *net.UnixAddr
	watch  time.Duration // it must hear that we live more often than this; 0: it does not watch
}

// SupervisorFrom reads an environment: NOTIFY_SOCKET, a path or @ and an abstract name, and
// WATCHDOG_USEC, which is for WATCHDOG_PID alone where that is set. Nobody asks: nil, no error.
func SupervisorFrom(getenv func(string) string, pid int) (*Supervisor, error) {
	name := getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil
	}
	if name[0] != '/' && name[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET: %q is neither a path nor an abstract name", name)
	}
	s := &Supervisor{socket: &net.UnixAddr{Name: name, Net: "unixgram"}}
	usec := getenv("WATCHDOG_USEC")
	if whose := getenv("WATCHDOG_PID"); usec == "" || whose != "" && whose != strconv.Itoa(pid) {
		return s, nil
	}
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 {
		return nil, fmt.Errorf("WATCHDOG_USEC: %q is no number of microseconds", usec)
	}
	s.watch = time.Duration(n) * time.Microsecond
	return s, nil
}

// every is how often the supervisor hears that we live: twice as often as it wants to, so that one
// message that is late is not one that is missed.
func (s *Supervisor) every() time.Duration {
	if s.watch == 0 {
		return unwatched
	}
	return min(s.watch/2, unwatched)
}

// patience asks for time until a few messages more have come. Calls may go on for stop.grace, or for
// as long as they like, and the supervisor's own patience may end earlier.
func (s *Supervisor) patience() string { return "\nEXTEND_TIMEOUT_USEC=" + usec(3*s.every()) }

// tell sends one message. It opens the socket anew each time: a supervisor may have been replaced
// by its successor meanwhile.
func (s *Supervisor) tell(lines string) error {
	c, err := net.DialUnix("unixgram", nil, s.socket)
	if err != nil {
		return fmt.Errorf("tell the supervisor: %w", err)
	}
	err = errors.Join(c.SetWriteDeadline(time.Now().Add(time.Second)), write(c, lines))
	return errors.Join(err, c.Close())
}

func write(c net.Conn, text string) error {
	if _, err := c.Write([]byte(text)); err != nil {
		return fmt.Errorf("tell the supervisor: %w", err)
	}
	return nil
}

// tell tells the supervisor, if there is one. What does not arrive is told to the log: the next
// message says what is so then.
func (a *App) tell(lines string) {
	if a.o.Supervisor == nil {
		return
	}
	if err := a.o.Supervisor.tell(lines); err != nil {
		a.log.Warn("the supervisor was not told", zap.Error(err))
	}
}

// tellReloading is what a reload begins with. The supervisor tells it from an earlier one by its
// time.
func (a *App) tellReloading() {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		a.log.Warn("the monotonic clock was not read", zap.Error(err))
	}
	a.tell(fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/1000))
}

// tellDraining is what the end begins with. No part is asked: the end must come also where one hangs.
func (a *App) tellDraining() {
	if a.o.Supervisor != nil {
		a.tell("STOPPING=1\nSTATUS=draining" + a.o.Supervisor.patience())
	}
}

// usec writes a duration in the supervisor's unit.
func usec(d time.Duration) string { return strconv.FormatInt(d.Microseconds(), 10) }

// beSupervised says that calls are taken, and from then on that we live.
func (a *App) beSupervised() {
	if a.o.Supervisor == nil {
		return
	}
	a.tell("READY=1\nSTATUS=" + a.condition())
	quit := make(chan struct{})
	var heart sync.WaitGroup
	heart.Go(func() { a.beat(quit) })
	a.steps.closer("supervisor", func() error {
		close(quit)
		heart.Wait()
		a.tell("STOPPING=1\nSTATUS=closing\nWATCHDOG=1\nWATCHDOG_USEC=" + usec(closingTime) + "\nEXTEND_TIMEOUT_USEC=" + usec(closingTime))
		return nil
	})
}

// beat tells the supervisor again and again that we live. It asks each part that calls cannot do
// without and waits for the answer: a part that hangs keeps it from speaking, and the supervisor
// acts. The disk is not asked: calls go on without it.
func (a *App) beat(quit <-chan struct{}) {
	tick := time.NewTicker(a.o.Supervisor.every())
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return
		case <-tick.C:
		}
		message := "WATCHDOG=1\nSTATUS=" + a.condition()
		a.media.Turn()
		if a.Draining() {
			message += a.o.Supervisor.patience()
		}
		a.tell(message)
	}
}

// condition says in a line what is going on here. The floor and the signalling are asked.
func (a *App) condition() string {
	waiting, working := 0, 0
	snap := a.floor.Snapshot()
	for _, q := range snap.Queues {
		waiting += q.Waiting
	}
	for _, o := range snap.Operators {
		if o.State != queue.OperatorOffline {
			working++
		}
	}
	what := "takes calls"
	if up, probed := a.sip.TrunksUp(); probed > 0 && up == 0 {
		what = "no carrier answers"
	}
	if a.Draining() {
		what = "draining"
	}
	return fmt.Sprintf("%s: %d here, %d of them wait, %d operators at work", what, a.line.Active(), waiting, working)
}
