// Package erlang is the arithmetic of how many people a hotline needs: Erlang's formulas B and C,
// Palm's formula for callers who lose patience (Erlang A), and what a service level is computed from.
//
// The models say what a queue does in the long run, where calls come at random at a steady rate and
// everybody can take every call. The queue itself, lived through in package day, says what it does on
// a day that is not like that. Both are shown side by side, so that neither is believed blindly.
package erlang
