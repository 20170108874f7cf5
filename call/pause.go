package call

import (
	"errors"
	"time"
)

// Who may pause a recording, and what ends a pause: labels of its metric, and of its events.
const (
	PausedByOperator = "operator" // a star code, from the telephone
	PausedByCommand  = "command"  // a command, or the API
	PausedByLimit    = "limit"    // only ends one: it lasted as long as it may
	PausedByEnd      = "end"      // only ends one: so did the talk, or the operator has sent the caller on
)

// A PauseWish asks for a recording to be paused.
type PauseWish struct {
	By  string        // PausedByOperator or PausedByCommand
	Who string        // their name
	Why string        // 1 to LongestWhy bytes in one line; it is kept with the recording
	For time.Duration // 0, or more than the configuration lets it last: as long as that
}

// LongestWhy is the longest reason of a pause, in bytes.
const LongestWhy = 200

// A RecordingPause is one that is going on.
type RecordingPause struct {
	Call     ID
	Operator string // whom the caller talks to; empty: somebody else
	By, Who  string
	Why      string
	Since    time.Time
	Until    time.Time // when it ends by itself at the latest
}

// Why a recording is not paused, or does not go on.
var (
	ErrNoTalk       = errors.New("nobody talks in this call now, or somebody else is about to: only a talk can be paused")
	ErrNotRecorded  = errors.New("this talk is not recorded")
	ErrPaused       = errors.New("the recording is paused already; resume it first")
	ErrNotPaused    = errors.New("the recording is not paused")
	ErrNoPauses     = errors.New("recording.pause.longest is 0: recordings are not paused here")
	ErrPauseNoWhy   = errors.New("a pause needs a reason: 1 to 200 bytes in one line, which is kept with the recording")
	ErrPauseNoReply = errors.New("the call is busy with something else; try again")
)
