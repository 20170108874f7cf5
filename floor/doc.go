// Package floor runs the queue: one goroutine owns the queue.State and one timer. Everybody else
// (the goroutines that own calls, the registrar, the desk) sends it events and is answered, also
// late ones, doubled ones and those that come after Close.
//
// Every event, and what was decided on it, goes into the book first, and the whole floor at the
// start and every thousand events. A floor that begins takes the last of these checkpoints and lives
// through the events since, with what they decided dropped: so it is where the one before it ended,
// however that ended. Then it is told that it was restarted (nobody is on the line), of today's
// queues and operators, of the telephones that are still registered, and at last that these were
// all. An order that was lost with the process is harmless: its call is gone, too. Package queuelog
// tells the book in the words of Asterisk's queue_log.
//
// What the state decides is then written to the journal, in words for people, then measured, then
// sent as orders to the goroutine that owns the call. The floor never waits for anybody: an owner
// that does not read its orders loses the oldest ones, and the offers behind them run out by
// themselves.
package floor
