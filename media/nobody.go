package media

import (
	"context"

	"hotline/call"
)

// Nobody is the sound of a leg that cannot have any, such as an INVITE that will be refused: its
// Play returns at once and is not Whole, its keys are never pressed, its Join fails.
var Nobody call.Audio = nobody{}

type nobody struct{}

func (nobody) Play(context.Context, ...*call.Clip) call.Played { return call.Played{} }
func (nobody) Loop(*call.Clip)                                 {}
func (nobody) Keys() <-chan call.Key                           { return nil }
func (nobody) Join(call.Audio) error                           { return call.ErrGone }
func (nobody) Tap(call.Sink)                                   {}
func (nobody) Stats() call.AudioStats                          { return call.AudioStats{} }
