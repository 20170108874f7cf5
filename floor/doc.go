// Package floor runs the queue: one goroutine owns the queue.State and one timer. Everybody else
// (the goroutines that own calls, the registrar, the desk) sends it events and is answered, also
// late ones, doubled ones and those that come after Close.
//
// What the state decides is written to the journal first, then measured, then sent as orders to
// the goroutine that owns the call. The floor never waits for anybody: an owner that does not
// read its orders loses the oldest ones, and the offers behind them run out by themselves.
package floor
