// Package purge erases recordings whose time is over, and proves that it did.
//
// Once an hour the Reaper looks at what is kept, has package retention judge it, and erases what is due, in
// this order, each step on the disk before the next begins:
//
//  1. the plan of the run is written down, so that a start after a kill goes on with it;
//  2. each erasure is written into the log of accesses;
//  3. each is written into the chain of the recordings as a link "erased", a copy of which lies beside the
//     manifest as CALL.gone;
//  4. of an encrypted recording the key dies first, overwritten, synced and unlinked; then goes the sound, and
//     then all else that lies beside it but the manifest and CALL.gone, which stay as its tombstone;
//  5. the certificate of the run is written: what was erased, by what rule, and what was held back and why.
//
// Whoever is killed in between has erased nothing that is not in the chain, and the next start finishes the
// run. Holds and erasures wait for each other, so no hold can come too late by an instant: either it is there
// before the decision, or its recording is in the chain as erased and the hold is refused.
//
// A clock that is wrong would erase what is not due. So the Reaper compares the clock of the world with the one
// that only counts, and with the last time it has seen before a restart: where they part by more than a day, it
// stops, and goes on when the clock has been steady for a day or when somebody has vouched for it.
//
// Forecast says from the same judgements when the disk will be full.
package purge
