// Package ivr is what the machine says and asks before a person answers: it plays clips,
// listens for keys and says where the caller wants to go. It knows sound and clips, no
// sockets and no rows.
package ivr
