// Package queue decides who waits, who is free and who is offered whom. It decides and does
// nothing: a State takes one event at a time and answers with commands, and the same events at
// the same times always give the same commands. Inside there is no goroutine, no clock, no lock,
// no chance, no I/O and no walk over a map. Its runner (package floor) owns the State, keeps the
// one timer that Wake asks for, and turns commands into orders, journal entries and metrics.
//
// The rules, in the order they are applied:
//
//   - Callers are served by the time their call arrived, over all queues that share operators;
//     two that arrived together by their call id. A caller who was rung in vain, or whose operator
//     vanished, keeps that time and so the place.
//   - A caller is offered only to operators who serve the queue and speak the language. A caller
//     nobody can serve waits, and holds up nobody else.
//   - Among those the one who has been ready longest is offered; two who became ready together by
//     name.
//   - An offer ends at its deadline. Whoever owes the report has Grace more; then the caller goes
//     on to the next operator without it.
//   - Who lets an offer pass (no answer, busy, unreachable, no report) goes last and rests for
//     Rest. Unreachable is a state of its own for that time; a phone that becomes registered
//     again ends it at once, a refresh does not.
//   - After a talk comes the wrap-up of that call's queue, then ready.
//   - A pause, a vanished registration, a private call, an edit or a removal of the operator
//     takes an offer back at once, but never cuts a talk: what was said takes effect at its end.
//
// An operator becomes ready by the phone's becoming registered, where at least one of the
// operator's queues says ready_on_register, or by saying so (Resumed). Until then a registered
// operator is offline, too. A pause outlives a lost registration: only Resumed ends it.
//
// A State can be saved and loaded, and events and commands can be written down and read back: Load
// and the events since the Save lead to a State that decides as the first would have.
package queue
