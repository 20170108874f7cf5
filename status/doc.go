// Package status asks the outside system how an application stands.
//
// A caller keys a number and a date of birth; whoever owns the register answers with one word of a
// closed list and two dates. The contract, for those who build the other side, is "The status of
// applications" in docs/operating.md; deploy/status is a stand-in for it.
//
// A question goes through in this order: the daily limit; the hotline's own cases; a circuit breaker
// and a limit of questions that are on their way at once, so that a system which is dead or slow
// costs a caller nothing and never piles up; then one POST, with one time limit for all of it. What
// comes back is believed only if each part of it is what was agreed. Where no answer is to be had,
// one that was learnt for the very same question a while ago is told with the moment it was learnt.
//
// Nothing here knows a name. Numbers of applications, dates of birth and callers' numbers are kept as
// sums under a key that dies with the process, and no log line carries any of them, or a word of an
// answer.
package status
