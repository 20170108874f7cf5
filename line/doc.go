// Package line is the life of one call, from the first ring to the closed record. Serve reads
// top to bottom like the call itself: admit, greet, attend (wait, talk, and again if the
// operator vanishes), close. One goroutine owns a call; it asks the floor for an operator and
// carries out its orders. This package knows no sockets, no SQL and no SIP.
//
// Files: serve.go the story, admit.go who is answered at all, greet.go language and notice,
// wait.go the queue as the caller lives it, talk.go two people joined, close.go the record,
// pause.go a recording that stops for a while, remind.go the tones that say so, indicate.go what
// telephones are told of it, transfer.go handing the caller on, directory.go who can be reached, star.go what an operator's
// phone may dial, own.go the calls it makes. An own call belongs to its goroutine as the caller's
// call does to its own; for an attended transfer it gives its far leg away, whole, and ends.
package line
