// Package queue decides who waits, who is free and who is offered whom. It decides and does
// nothing: a State takes one event at a time and answers with commands, and the same events at
// the same times always give the same commands. Inside there is no goroutine, no clock, no lock,
// no chance, no I/O and no walk over a map. Its runner (package floor) owns the State, keeps the
// one timer that Wake asks for, and turns commands into orders, journal entries and metrics.
//
// A step is: time first, then the event, then offers. What fell due happens in the order in which
// it did (together: operators by name, then callers by id), so a late Tick changes nothing but the
// moment. A clock that is set back stands still. The rules follow in the order in which they apply.
//
// # Who comes in
//
//   - A caller enters a queue that there is, once, where fewer than Limit wait on the line. Whom an
//     operator puts through is counted, but not refused for that; somebody who will be called back
//     (below) is neither.
//   - A queue that a reload has dropped takes nobody, keeps whom it has, and is forgotten with the
//     last of them.
//
// # In which order they stand
//
//   - By rank: the time the call arrived, before which the queue's HeadStart and one of the caller's
//     own (Prioritised) put it; two of the same rank by call id. A head start is so much time and no
//     more: who has waited longer than it comes first, and nobody starves. A change of either counts
//     at once.
//   - The rank is kept by whoever was rung in vain, whose operator vanished, hung up before being
//     joined, or who left a number: all of them come back to the place that they had.
//
// # Whom a caller may have
//
//   - An operator who serves the caller's queue, or one of those of its Overflow whose time has come.
//   - One who knows what the caller's Step asks: the language at a level (one that is given without
//     is UsualLevel), and every skill at its level. Without Steps, or before the first, the language
//     at any level. A caller without a language asks for none. Steps and Overflow are counted from
//     the first wait. A later one may ask for less or for more: offers that no longer fit are taken
//     back. While a caller talks they stand still; whoever comes back catches up at once, and so does
//     everybody after a reload.
//   - For LastOperator from entering, the operator of last time alone (Ticket.Last), where that one
//     is at work and fits. It ends at once when they pause, leave, let the offer pass or do not fit
//     any more.
//   - A caller whom nobody can serve waits, and holds up nobody else.
//
// # Who may be rung
//
//   - An operator who is ready: the telephone is registered; they have signed on; they are not paused,
//     in no call, offered nobody, in no wrap-up, and not disabled.
//   - Signed on is who becomes registered (fresh, not by a refresh), where one of their queues says
//     ReadyOnRegister, or who says so (Resumed). A lost registration signs off. A pause outlives it:
//     only Resumed ends a pause.
//   - Not for Rest after an offer that passed: it was not answered, was declined, or nobody reported.
//     Unreachable is a state of its own for that time, and ends as well when the telephone becomes
//     registered again, or by a talk. Resumed ends every rest.
//   - Not for Quiet after an offer that was taken back, a transfer, or a callback that reached nobody:
//     the telephone may still ring.
//
// # Who is offered whom
//
//   - Of all callers and operators who fit, the pair whose caller has the lowest rank; until there is
//     none left. For an operator who lists queues, a caller of the second counts as having come a
//     minute later, one of the third two: so for one caller, those go first who have the queue
//     further up, whatever the strategy says.
//   - Between operators for whom it costs the same, the queue's Strategy: LongestIdle; LeastTalk, since
//     signing on, where one begins with what the least has; RoundRobin, by name after the one who was
//     offered last; ByLevel, the highest sum of the levels that are asked for. Equal ones by idleness,
//     then by name.
//   - RingSeveral rings more: once every caller who can be is offered to somebody, those who are ring
//     further telephones up to AtOnce, again by rank. A callback rings one.
//   - Idle is the time since the operator last became ready. An offer that ends without the operator's
//     doing takes no place away, and a callback that reached nobody neither; a missed one puts them last.
//
// # How an offer ends
//
//   - The first who answers has the caller. All others are told to stop: elsewhere.
//   - At its deadline, plus Grace for whoever owes the report. Then the caller goes on without it, and
//     what is reported later no longer stands.
//   - A pause, a lost registration, a call of the operator's own, a reservation, an edit or a removal
//     takes an offer back at once, but never cuts a talk: there, it takes effect at the end.
//   - So many in a row missed in a queue with PauseAfter pause the operator, whatever the cover.
//     Unreachable ones do not count; a talk, Resumed or signing on begins anew.
//
// # After the talk
//
//   - The wrap-up of that call's queue, then ready. WrapUpExtended adds another wrap-up (a minute where
//     the queue has none), up to LongestWrapUp from now; asked for in the talk, it is added at its end.
//     A transfer begins the first operator's. An operator who vanished or hung up before being joined
//     rests instead.
//   - An operator who is Reserved counts as talking, and is offered nobody, until Released or until the
//     caller is Transferred to them. One who is paused or in wrap-up may be reserved.
//
// # How a wait ends
//
//   - With an operator (Connected), by leaving (Abandoned), for a callback, or after Longest: Expired is
//     told once, then nobody is offered any more and the owner is to let the caller go. Who is being
//     rung when it comes may still be answered; if not, it is told then.
//
// # Callbacks
//
//   - Whoever asks to be called keeps rank, steps and the time they have waited; the call that asks
//     leaves. One is open for each number until it is closed.
//   - First the operator is rung, as for any caller, and then whoever is to be called. CallbackReached
//     makes it a talk like others. CallbackFailed counts a try, and puts it back for Pause; after Tries
//     of them, or a final one, it is closed, without a wrap-up. One that is for a case is tried once,
//     and a restart in the midst of that is its end: it may have rung already.
//   - Outside the queue's hours (HoursSet) and before its pause is over nobody is rung for it, and an
//     offer is taken back. Steps and overflows go on. Longest does not hold for it.
//
// # The house
//
//   - Where a pause would leave fewer at work of a language than its Cover, it is Refused or told
//     (Uncovered), as the House says; with Force it simply is. Only who is at work is asked.
//   - After Restarted all who were on the line are gone, told by Finished alone, and no telephone is
//     known; those who talked have their wrap-up. Callbacks, pauses and what was missed stay; one who
//     was rung for a callback, or had answered it, is so no more, and no try is lost. Until PhonesTold
//     everybody keeps signed on what their telephone's registration confirms.
//
// # What is promised, and what is not
//
// After each step no caller and operator are left who may have one another: nobody waits for a moment
// while a fitting operator is ready, but for Rest, Quiet, LastOperator and the hours and pauses of
// callbacks, as above. An offer is over Grace after its deadline, whatever anybody does. When the last
// has hung up, and every wrap-up and rest is over, no timer runs and nothing is kept of anybody but
// what is known of operators and how fast queues were. Events may come late, twice, or not at all: only
// a hang-up that never comes keeps a caller for ever, in the line or in a talk, and nobody else.
//
// Wake may be for a time that has passed: it is then to be answered at once. How long a wait takes
// (Place) is an estimate of what was lately, and promised to nobody.
//
// A State can be saved and loaded, and events and commands can be written down and read back: Load
// and the events since the Save lead to a State that decides as the first would have.
package queue
