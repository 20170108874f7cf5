// Package store keeps what must outlive the process: calls, their events, live dialogs,
// registrations and users. Truth is SQL (SQLite, in WAL mode, one writer); in front of it
// stands a spool.
//
// Whatever a call writes is appended to the spool by one write(2), which survives the death of
// the process, and the caller of Arrived, Event, Closed, PutDialog goes on at once. A single
// goroutine, the committer, reads the spool and commits it to SQL in groups several times a
// second; a commit is synced, so the disk is at most a second behind. While SQL is locked, slow
// or gone, the spool grows, is synced itself, and calls go on.
//
// Each entry of the spool has a number that never returns. A commit writes the highest number
// it holds into the same transaction, so that an entry is applied exactly once however the
// process dies: after a restart the spool is read from its oldest segment and what SQL already
// has is passed over. On top of that every row can stand being written twice: calls by their
// id, events by their number.
//
// The floor's journal (floor_journal) takes the same way: every event of the queues with what was
// decided on it, and checkpoints of the whole floor, of which the last two stay. Rows older than 90
// days are removed by the committer, a few hundred at a time, but none that a restart needs.
//
// Users are written to SQL directly, in the foreground: they come from a person at a command,
// and their secrets have no business in the spool. SIP secrets are not kept at all; what is
// kept are their HA1 values (RFC 7616 §3.4.2), sealed with a key that lives outside the database.
package store
