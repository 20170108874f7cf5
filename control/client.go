package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"hotline/call/wire"
)

// Socket is the file's name in the data folder.
const Socket = "control.sock"

// ErrNoServer says that no server runs on the data folder.
var ErrNoServer = errors.New("no server runs on this data folder")

// What the commands send and get.
type (
	NewUser = wire.NewUser
	// CallFilter is what a list of calls may ask for.
	CallFilter = wire.CallFilter
	Calls      = wire.Calls
	MadeUser   = wire.MadeUser
	// Skills are levels by what is known.
	Skills = wire.Skills
	// Operator is what one does now.
	Operator = wire.Operator
	// Board is who waits, who works, and how the day has gone.
	Board = wire.Board
	// BoardQueue is one queue of it.
	BoardQueue = wire.BoardQueue
	// Waiting is one caller in a queue.
	Waiting = wire.Waiting
	// QueueLog is what a queue log may ask for.
	QueueLog = wire.QueueLog
	Trace    = wire.Trace
	// RecordingPause is a recording that is paused now.
	RecordingPause = wire.RecordingPause
	// AbandonFilter is what a list of abandoned calls may ask for.
	AbandonFilter = wire.AbandonFilter
	// Abandons are the calls that it finds.
	Abandons = wire.Abandons
	// Callback is somebody who is to be called back.
	Callback  = wire.Callback
	Callbacks = wire.Callbacks
	Operators = wire.Operators
	Queues    = wire.Queues
	Trunks    = wire.Trunks
)

// A Client asks one server.
type Client struct{ http *http.Client }

// Dial connects to the server on a data folder. It fails with ErrNoServer where none answers.
func Dial(data string) (*Client, error) {
	path := filepath.Join(data, Socket)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}
	conn, err := dial(context.Background(), "", "")
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %v", ErrNoServer, path, err)
	}
	conn.Close()
	return &Client{&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}, nil
}

// InProcess is a client of a handler in this process.
func InProcess(h http.Handler) *Client { return &Client{&http.Client{Transport: handler{h}}} }

// handler carries a request into an http.Handler.
type handler struct{ http.Handler }

// RoundTrip implements http.RoundTripper. The answer is read while it is written: it may be long.
func (h handler) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		r.Body = http.NoBody
	}
	body, write := io.Pipe()
	w := &answer{header: http.Header{}, body: write, begun: make(chan int, 1)}
	go func() {
		err := io.ErrUnexpectedEOF // of a handler that gave up
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				err = fmt.Errorf("a bug in the API: %v", p)
			}
			w.WriteHeader(http.StatusOK)
			write.CloseWithError(err)
		}()
		h.ServeHTTP(w, r)
		err = nil
	}()
	code := <-w.begun
	return &http.Response{StatusCode: code, Status: http.StatusText(code), Header: w.header, Body: body, Request: r}, nil
}

// An answer is what a handler writes.
type answer struct {
	header http.Header
	body   *io.PipeWriter
	begun  chan int // the status, once
	once   sync.Once
}

func (a *answer) Header() http.Header  { return a.header }
func (a *answer) WriteHeader(code int) { a.once.Do(func() { a.begun <- code }) }
func (a *answer) Write(b []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(b)
}

// do sends in as JSON and reads the answer into out; either may be nil. A problem's detail
// becomes the error.
func (c *Client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://hotline/api/v1/"+path, body)
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
			return fmt.Errorf("%w: %v", ErrNoServer, err)
		}
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		var p wire.Problem
		if json.NewDecoder(response.Body).Decode(&p) != nil || p.Detail == "" {
			return fmt.Errorf("the server answered %s", response.Status)
		}
		return errors.New(p.Detail)
	}
	switch out := out.(type) {
	case nil:
		return nil
	case *[]byte: // a file
		*out, err = io.ReadAll(response.Body)
		return err
	case io.Writer: // a stream
		if _, err = io.Copy(out, response.Body); err != nil {
			return err
		}
		if lost := response.Header.Get(wire.LostHeader); lost != "" {
			return &DamagedError{lost}
		}
		return nil
	}
	return json.NewDecoder(response.Body).Decode(out)
}

func get[T any](ctx context.Context, c *Client, path string) (out T, err error) {
	err = c.do(ctx, http.MethodGet, path, nil, &out)
	return out, err
}

// Calls lists calls, newest first.
func (c *Client) Calls(ctx context.Context, f wire.CallFilter) (wire.Calls, error) {
	q := url.Values{"limit": {strconv.Itoa(f.Limit)}}
	if !f.Since.IsZero() {
		q.Set("since", f.Since.Format(time.RFC3339Nano))
	}
	if f.All {
		q.Set("all", "true")
	}
	return get[wire.Calls](ctx, c, "calls?"+q.Encode())
}

// Trace tells one call's story.
func (c *Client) Trace(ctx context.Context, id string) (wire.Trace, error) {
	return get[wire.Trace](ctx, c, "calls/"+url.PathEscape(id)+"/trace")
}

// Capture is one call's signalling as a capture file, for Wireshark and its kin.
func (c *Client) Capture(ctx context.Context, id string) (b []byte, err error) {
	err = c.do(ctx, http.MethodGet, "calls/"+url.PathEscape(id)+"/trace.pcap", nil, &b)
	return b, err
}

// PauseRecording stops the recording of a talk for a while, at most so long; 0: as long as it may.
func (c *Client) PauseRecording(ctx context.Context, id, reason, by string, most time.Duration) error {
	wish := wire.RecordingWish{Paused: true, Reason: reason, By: by, ForMS: most.Milliseconds()}
	return c.do(ctx, http.MethodPost, "calls/"+url.PathEscape(id)+"/recording", wish, nil)
}

// ResumeRecording goes on with the recording of a talk.
func (c *Client) ResumeRecording(ctx context.Context, id, by string) error {
	return c.do(ctx, http.MethodPost, "calls/"+url.PathEscape(id)+"/recording", wire.RecordingWish{By: by}, nil)
}

// Queues shows who waits.
func (c *Client) Queues(ctx context.Context) (wire.Queues, error) {
	return get[wire.Queues](ctx, c, "queues")
}

// Board shows who waits, who works, and how the day has gone.
func (c *Client) Board(ctx context.Context) (Board, error) {
	return get[Board](ctx, c, "board")
}

// QueueLog writes the floor's journal as Asterisk's queue_log, as it comes.
func (c *Client) QueueLog(ctx context.Context, w io.Writer, ask wire.QueueLog) error {
	q := url.Values{"numbers": {strconv.FormatBool(ask.Numbers)}, "follow": {strconv.FormatBool(ask.Follow)}}
	if !ask.Since.IsZero() {
		q.Set("since", ask.Since.Format(time.RFC3339Nano))
	}
	return c.do(ctx, http.MethodGet, "queue-log?"+q.Encode(), nil, w)
}

// Trunks shows how the carriers are.
func (c *Client) Trunks(ctx context.Context) (wire.Trunks, error) {
	return get[wire.Trunks](ctx, c, "trunks")
}

// Operators shows what each does.
func (c *Client) Operators(ctx context.Context) (wire.Operators, error) {
	return get[wire.Operators](ctx, c, "operators")
}

// Pause offers an operator nobody; anyway: also where too few are left at work.
func (c *Client) Pause(ctx context.Context, name, reason string, anyway bool) error {
	return c.do(ctx, http.MethodPost, "operators/"+url.PathEscape(name)+"/pause", wire.Pause{Reason: reason, Anyway: anyway}, nil)
}

// ExtendWrapUp gives an operator another wrap-up's time.
func (c *Client) ExtendWrapUp(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodPost, "operators/"+url.PathEscape(name)+"/wrap-up", nil, nil)
}

// Prioritise puts a caller who waits forward, as if they had waited so much longer.
func (c *Client) Prioritise(ctx context.Context, id string, by time.Duration) error {
	return c.do(ctx, http.MethodPost, "queues/calls/"+url.PathEscape(id)+"/prioritise", wire.Prioritise{ByMS: by.Milliseconds()}, nil)
}

// Resume ends a pause or a wrap-up.
func (c *Client) Resume(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodPost, "operators/"+url.PathEscape(name)+"/resume", nil, nil)
}

// Users lists who works here.
func (c *Client) Users(ctx context.Context) (wire.Users, error) {
	return get[wire.Users](ctx, c, "users")
}

// AddUser adds somebody.
func (c *Client) AddUser(ctx context.Context, u NewUser) (made MadeUser, err error) {
	err = c.do(ctx, http.MethodPost, "users", u, &made)
	return made, err
}

// DisableUser lets somebody in no more.
func (c *Client) DisableUser(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodPost, "users/"+url.PathEscape(name)+"/disable", nil, nil)
}

// SetPassword changes a password.
func (c *Client) SetPassword(ctx context.Context, name, password string) error {
	return c.do(ctx, http.MethodPost, "users/"+url.PathEscape(name)+"/passwd", wire.Password{Password: password}, nil)
}

// SetAutoAnswer says whether somebody's phone is asked to answer by itself.
func (c *Client) SetAutoAnswer(ctx context.Context, name string, on bool) error {
	return c.do(ctx, http.MethodPost, "users/"+url.PathEscape(name)+"/auto-answer", wire.AutoAnswer{On: on}, nil)
}

// SetSkills makes these all that somebody knows.
func (c *Client) SetSkills(ctx context.Context, name string, skills Skills) error {
	if skills == nil {
		skills = Skills{} // null would mean that they stay
	}
	return c.do(ctx, http.MethodPost, "users/"+url.PathEscape(name), wire.UserChange{Skills: &skills}, nil)
}

// SetQueues makes these the queues that somebody serves, in their order; none: every queue.
func (c *Client) SetQueues(ctx context.Context, name string, queues []string) error {
	queues = append([]string{}, queues...)
	return c.do(ctx, http.MethodPost, "users/"+url.PathEscape(name), wire.UserChange{Queues: &queues}, nil)
}

// Reload makes the server read its configuration file again.
func (c *Client) Reload(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "reload", nil, nil)
}

// drainLook is how often a drain is looked at.
const drainLook = 500 * time.Millisecond

// Drain makes the server refuse new calls, and waits until it has ended. A zero until waits as
// long as it takes. progress, which may be nil, is told how many calls are left when that changes.
func (c *Client) Drain(ctx context.Context, until time.Time, progress func(calls int)) error {
	ask := wire.Drain{}
	if !until.IsZero() {
		ask.Until = &until
	}
	var state wire.Drain
	if err := c.do(ctx, http.MethodPost, "drain", ask, &state); err != nil {
		return err
	}
	last := -1
	tick := time.NewTicker(drainLook)
	defer tick.Stop()
	for {
		if state.Calls != last && progress != nil {
			progress(state.Calls)
		}
		last = state.Calls
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		now, err := get[wire.Drain](ctx, c, "drain")
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, ErrNoServer), errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
			return nil // the socket is gone, and the server with it
		case err != nil:
			return err
		}
		state = now
	}
}

// Callbacks shows who is to be called back; numbers: whole.
func (c *Client) Callbacks(ctx context.Context, numbers bool) (wire.Callbacks, error) {
	return get[wire.Callbacks](ctx, c, "callbacks?numbers="+strconv.FormatBool(numbers))
}

// AddCallback has the caller of a call that nobody answered called back.
func (c *Client) AddCallback(ctx context.Context, call string) (made wire.Callback, err error) {
	err = c.do(ctx, http.MethodPost, "callbacks", wire.NewCallback{FromCall: call}, &made)
	return made, err
}

// CancelCallback lets somebody be called back no more.
func (c *Client) CancelCallback(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPost, "callbacks/"+url.PathEscape(id)+"/cancel", nil, nil)
}

// Abandoned shows who gave up and was not spoken to since, the newest first.
func (c *Client) Abandoned(ctx context.Context, f AbandonFilter) (wire.Abandons, error) {
	q := url.Values{"numbers": {strconv.FormatBool(f.Numbers)}}
	if !f.Since.IsZero() {
		q.Set("since", f.Since.Format(time.RFC3339Nano))
	}
	return get[wire.Abandons](ctx, c, "callbacks/abandoned?"+q.Encode())
}
