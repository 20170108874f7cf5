// Package trace keeps the signalling of each call for whoever has to find out what went wrong:
// every SIP message as it was sent or received, in memory for a moment, then in one file a call.
//
// The signalling tells a Keeper of each message (keep.go) and never waits for it: the message is
// copied, what must stay secret in it is masked (mask.go), and a goroutine of the Keeper's own
// writes it down (file.go). What cannot be kept is dropped and counted; no call is touched by it.
//
// The files are captures in pcapng (pcapng.go): Wireshark and its kin open them. They hold
// callers' numbers, so they are 0600 in the data folder, and are removed when they are old.
//
// Draw makes a ladder of the messages and of the house's own events (ladder.go, row.go).
package trace
