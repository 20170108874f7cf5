// Package access stands before the sound of callers. Whoever wants to play, export or copy a recording, hold
// it, erase it or have it checked with its key asks here, says who they are and why, and is written down before
// the first byte leaves: in a log of its own, a chain of signed lines (see chain.Log), which neither the desk
// nor the database can change. What cannot be written down does not happen.
//
// Who may do what is one table, Table. The admin, who runs the machine, cannot hear: neither can who runs a
// telephone exchange. What is refused is written down too.
package access
