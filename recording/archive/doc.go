// Package archive keeps sealed recordings away from the machine that made them: in a folder on
// another mount, in S3-compatible storage, or in both.
//
// A Place takes files and gives them back. The Archive walks what is sealed and sends it, oldest
// first, with everything that lies beside it; it is told of each new seal. The manifest goes last,
// so that what has a manifest at a place is whole there. Then every byte is read back from the place
// and hashed, and only when the SHA-256 is that of the file here does the copy count: what a place
// says about its own checksums is compared too, and never believed.
//
// What is known of the copies lies beside the recording, in CALL.away: one file for one recording,
// written, synced and renamed. So it is as true as the files it tells of, also when the folder is
// copied, put back from a backup or moved to another disk, which rows in the database would not be.
// A hundred thousand of them cost a start a few seconds of one core (BenchmarkScan), in the
// background. Nothing else has to survive: an upload that was cut off is found at the place itself,
// by its parts or its .part file, and goes on where it ended. A process may die between any two
// steps; the next one asks the place what is there, and sends what is not.
//
// The sound here is removed only where Options.KeepLocal says so, only after CALL.away says on the
// disk that all places have it, and only after each place was asked again. The manifest, the key
// and CALL.away stay, and Open finds the sound where it lies.
//
// Erase takes a recording from all places. What a place that cannot be reached still owes lies in
// recordings/away, and is tried until it is done.
//
// What to do next is decided by line.go and decide.go, which know no clock, no disk and no network.
package archive
