package ivr

import (
	"context"
	"time"

	"hotline/call"
)

// mostDigits bounds what a caller may type: a number has at most 15 digits (ITU-T E.164 §6).
const mostDigits = 20

// Digits plays the clips and collects keys until end, or until none has come for listen. The first
// key cuts the clips short. ok is false where nothing was pressed, at the key cancel, or when ctx has
// ended; what was typed is never told to anybody but the caller of Digits.
func Digits(ctx context.Context, a call.Audio, listen time.Duration, end, cancel byte, clips ...*call.Clip) (digits string, ok bool) {
	key, ok := Ask(ctx, a, listen, clips...)
	for ; ok && key.Digit != end && len(digits) < mostDigits; key, ok = Ask(ctx, a, listen) {
		if key.Digit == cancel {
			return "", false
		}
		digits += string(rune(key.Digit))
	}
	return digits, digits != "" && ctx.Err() == nil
}
