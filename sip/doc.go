// Package sip is the signalling of the hotline: it listens, decides who is known, keeps
// transactions, dialogs and registrations, and turns an INVITE into a call.Leg.
//
// # The way of a message
//
// A socket (socket.go, stream.go) reads bytes and hands them, in the order in which they came,
// to receive.go, on the reader's own goroutine: a message is decided before the next one of its
// socket is looked at, so INVITE and CANCEL, 183 and 200, ACK and BYE cannot overtake one
// another. scan.go makes a draft of the message, with limits, mended white space and the faults
// that the library's parser does not see; then the parser of sipgo reads it. gate.go knows
// which rule set the socket has:
//
//   - the trunk side (carriers, known by their networks; everybody else hears nothing),
//   - the phone side (operators' phones, known by digest; a stranger gets 401 to a REGISTER
//     and hears nothing else).
//
// A request that matches Call-ID and both tags of a live dialog is known from anywhere.
//
// # State
//
// Transactions (servertx.go, clienttx.go: RFC 3261 §17 with the states of RFC 6026), dialogs
// and legs (leg.go; answer.go for those that come in, dial.go and fork.go for those that go out,
// prack.go and early.go for what is said before the answer) are guarded by the one lock of Server.
// Nothing under it waits for anybody: UDP is written directly, TCP and TLS through a queue per
// connection, which is dialled (connect.go) or agrees on TLS (tls.go) on a goroutine of its own,
// events of a leg through a buffered channel. Every door (reader, timer, callback of another room)
// has its recover.
//
// Sockets are our own, sipgo gives messages, parser and URIs; docs/decisions/0001 says why.
package sip
