package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"hotline/call"
	"hotline/call/wire"
	"hotline/desk"
	"hotline/recording"
	"hotline/recording/picture"
)

// Show implements desk.Recordings: what is to be seen of a recording.
func (s sounds) Show(ctx context.Context, id call.ID) (wire.Shown, error) {
	seen, err := recording.See(recordingsIn(s.data), id, s.unwrap)
	if err != nil {
		return wire.Shown{}, unrecorded(err)
	}
	events, err := s.store.Events(ctx, id)
	if err != nil {
		return wire.Shown{}, err
	}
	return shownOf(picture.Of(seen, events, time.UTC)), nil
}

// unrecorded puts recording's "none" into the desk's words.
func unrecorded(err error) error {
	if errors.Is(err, recording.ErrNone) {
		return fmt.Errorf("%w: %w", desk.ErrNotFound, err)
	}
	return err
}

func shownOf(p picture.Picture) wire.Shown {
	out := wire.Shown{
		Call: p.Call, Line: p.Line, Language: p.Language, State: p.State, Opened: wire.Time(p.Opened), LengthMS: p.Length.Milliseconds(),
		Above: p.Sides[0], Below: p.Sides[1], Spans: make([]wire.ShownSpan, len(p.Spans)), Marks: make([]wire.ShownMark, len(p.Marks)),
		Peaks: wire.ShownPeaks{PerSecond: recording.PeakRate, Said: ints(p.Peaks.Said), Heard: ints(p.Peaks.Heard)},
	}
	for i, s := range p.Spans {
		out.Spans[i] = wire.ShownSpan{Kind: string(s.Kind), FromMS: s.From.Milliseconds(), ToMS: s.To.Milliseconds(), Text: s.Text}
		if s.Channel != "" {
			out.Spans[i].Channel = &s.Channel
		}
	}
	for i, m := range p.Marks {
		out.Marks[i] = wire.ShownMark{AtMS: m.At.Milliseconds(), Text: m.Text}
	}
	return out
}

// pictureOf is shownOf backwards.
func pictureOf(w wire.Shown, zone *time.Location) picture.Picture {
	p := picture.Picture{
		Call: w.Call, Line: w.Line, Language: w.Language, State: w.State, Zone: zone, Length: millis(w.LengthMS), Sides: [2]string{w.Above, w.Below},
		Peaks: recording.Peaks{Said: bytesOf(w.Peaks.Said), Heard: bytesOf(w.Peaks.Heard)},
	}
	if w.Opened != nil {
		p.Opened = timeOf(*w.Opened)
	}
	for _, s := range w.Spans {
		span := picture.Span{Kind: picture.Kind(s.Kind), From: millis(s.FromMS), To: millis(s.ToMS), Text: s.Text}
		if s.Channel != nil {
			span.Channel = *s.Channel
		}
		p.Spans = append(p.Spans, span)
	}
	for _, m := range w.Marks {
		p.Marks = append(p.Marks, picture.Mark{At: millis(m.AtMS), Text: m.Text})
	}
	return p
}

// A Terminal is what a recording is drawn on as text.
type Terminal = picture.Terminal

// RecordingText draws a recording for a terminal, its times as in a zone.
func RecordingText(w wire.Shown, zone *time.Location, t Terminal) string {
	return picture.Text(pictureOf(w, zone), t)
}

// RecordingSVG draws a recording as one SVG.
func RecordingSVG(w wire.Shown, zone *time.Location) []byte { return picture.SVG(pictureOf(w, zone)) }

func millis(ms int64) time.Duration { return time.Duration(ms) * time.Millisecond }

func ints(b []byte) []int {
	out := make([]int, len(b))
	for i, v := range b {
		out[i] = int(v)
	}
	return out
}

func bytesOf(list []int) []byte {
	out := make([]byte, len(list))
	for i, v := range list {
		out[i] = byte(v)
	}
	return out
}
