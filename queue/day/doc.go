// Package day lives through a day of a hotline in no time: calls come as a file says, operators work
// the shifts of another, and who takes which call is decided by the very state machine that decides
// it in the server (package queue). What comes out is what a chief asks: who waited how long, how
// many gave up, how busy people were, half-hour by half-hour, beside what the formulas of package
// erlang say of the same load.
//
// The same plan and the same seed give the same day.
package day
