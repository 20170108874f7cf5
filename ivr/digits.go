package ivr

import (
	"context"
	"time"

	"hotline/call"
)

// mostDigits bounds what a caller may type: a number has at most 15 digits (ITU-T E.164 §6).
const mostDigits = 20

// A Typed is how a row of digits ended.
type Typed uint8

// How it may end.
const (
	Entered   Typed = iota // with #, or as there were enough, or as none came any more
	Nothing                // nothing was typed, or ctx ended
	Cancelled              // with *
)

// Collect plays the clips and collects digits until #, until there are most, or until none has come for
// listen. The first key cuts the clips short. What was typed is told to nobody but the caller of Collect.
func Collect(ctx context.Context, a call.Audio, listen time.Duration, most int, clips ...*call.Clip) (digits string, how Typed) {
	key, ok := Ask(ctx, a, listen, clips...)
	for ; ok && key.Digit != KeyRepeat && len(digits) < most; key, ok = Ask(ctx, a, listen) {
		if key.Digit == KeyBack {
			return "", Cancelled
		}
		if digits += string(rune(key.Digit)); len(digits) == most {
			break
		}
	}
	if digits == "" || ctx.Err() != nil {
		return "", Nothing
	}
	return digits, Entered
}

// Digits is Collect for a number of up to 20 digits. ok is false where nothing was typed, at *, or when
// ctx has ended.
func Digits(ctx context.Context, a call.Audio, listen time.Duration, clips ...*call.Clip) (digits string, ok bool) {
	digits, how := Collect(ctx, a, listen, mostDigits, clips...)
	return digits, how == Entered
}
