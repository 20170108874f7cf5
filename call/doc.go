// Package call holds the words every other room speaks: a call and its states, a leg, its
// sound, a clip, a caller's number, a language, an outcome, an event. It holds plain data and
// the two interfaces everybody speaks through, Leg and Audio, and it imports nothing of ours.
//
// A call is one caller's visit, from the first ring to the closed record; it has one ID in the
// record, the log, the manifest and on every leg. A leg is one telephone taking part in it.
package call
