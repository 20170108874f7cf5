package ivr

import (
	"context"
	"time"

	"hotline/call"
)

// A Script is the sound of a caller who is not there: it hears all that is said before it presses
// the next of its keys, and takes no time. `hotline simulate` has one.
type Script interface {
	Ask(clips ...*call.Clip) (key call.Key, ok bool)
}

// Ask plays the clips and listens for one key, during them and for listen after them. The key
// cuts the clips short. ok is false when no key came or ctx ended.
func Ask(ctx context.Context, a call.Audio, listen time.Duration, clips ...*call.Clip) (key call.Key, ok bool) {
	if s, known := a.(Script); known {
		return s.Ask(clips...)
	}
	key, ok, _ = AskFor(ctx, a, listen, func(byte) bool { return true }, clips...)
	return key, ok
}

// endLag is how much later than the end of its sound a leg may say that it has ended.
const endLag = 200 * time.Millisecond

// AskFor is Ask for some keys alone; others are let be. A Script presses none. whole says that the clips
// were heard to the end.
func AskFor(ctx context.Context, a call.Audio, listen time.Duration, wanted func(digit byte) bool, clips ...*call.Clip) (key call.Key, ok, whole bool) {
	playing, stop := context.WithCancel(ctx)
	defer stop()
	played := make(chan call.Played, 1)
	go func() { played <- a.Play(playing, clips...) }()
	var over <-chan time.Time // of the listening
	for {
		select {
		case key = <-a.Keys():
			if !wanted(key.Digit) {
				continue
			}
			if over == nil {
				stop()
				<-played // Play has let go of the leg before the next one begins
			}
			return key, true, whole
		case p := <-played:
			if whole = p.Whole; !whole { // the leg has ended, and will say so
				listen = min(listen, endLag)
				if listen <= 0 {
					listen = endLag
				}
			}
			if listen <= 0 || ctx.Err() != nil {
				return call.Key{}, false, whole
			}
			timer := time.NewTimer(listen)
			defer timer.Stop()
			over = timer.C
		case <-over:
			return call.Key{}, false, whole
		case <-ctx.Done():
			if over == nil {
				whole = (<-played).Whole
			}
			return call.Key{}, false, whole
		}
	}
}
