// Package picture shows a recording to the eye: both channels as hills of loudness on one axis of time, with
// the notice, waits, holds, pauses, gaps and operators marked, as text for a terminal or as one SVG with nothing
// in it from elsewhere.
//
// story.go makes a Picture of what a recording's manifest and its call's journal say; hills.go brings peaks to
// the columns there are, lanes.go spans into rows, axis.go times onto a line; text.go and svg.go draw. Data goes in, bytes come out: no clock, no file, and the same
// Picture gives the same bytes.
package picture
