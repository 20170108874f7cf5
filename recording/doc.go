// Package recording keeps the sound of calls on disk, one file a call.
//
// A Recording is the call.Sink that a leg's sound is tapped into. On the media thread it does
// one thing: it copies the payload of a packet into a block of memory borrowed from a pool that
// all calls share. Everything else happens behind it:
//
//   - the writer, one goroutine for all calls, takes what has come in every 100 ms, gives each
//     packet its place on the call's time axis (anchor.go), decodes it into the last two seconds
//     of the call (window.go) and writes what changed with pwrite(2);
//   - the syncer makes the kernel put it on the disk once a second;
//   - sound that leaves the window can change no more: its peaks are counted (peaks.go);
//   - sealing, at the end of a call, gives the file its true sizes, hashes it and leaves the
//     peaks and the manifest beside it. A recording is sealed when CALL.json exists, and not before.
//
// The file is a WAV from its first moment: left what the caller says, right everything the
// caller is sent, one second of file for one second of call. While it grows its header gives the
// sizes as 0xFFFFFFFF, which every player we tried takes for "until the end of the file". So
// what was written survives the process, and Repair only has to write the true sizes at the
// next start. Either channel can be turned off for a while (Voice, Heard): it is silence then,
// and a gap with its reason in the manifest. What the manifest would have said survives too:
// every change is appended to CALL.draft, which goes away with the seal.
//
// The manifest of a sealed recording is a link of the node's chain (package chain): signed, and naming the link
// before it, so that Verify finds what was altered, put in or taken away.
//
// With Options.Vault the file is CALL.rec instead: the same sound, encrypted in frames that are only ever appended
// (package vault), under a key that lies sealed in CALL.key and is on the disk before the first sound. What the
// window writes goes through a vault.Writer, and nothing else here knows the difference; OpenSound and Decrypt
// give the plain WAV of either. Repair, List and Verify need no keys.
//
// Nothing here waits for a disk except the goroutines whose work it is. While the disk stalls,
// each call may hold ten seconds in memory; what comes after that is lost and marked as a gap.
// A disk that refuses a write loses sound, marked as a gap, and never a call. A file whose sync failed
// is not believed any more: the recording is written anew into another one (renew.go).
// With Options.Second what the first directory refuses goes on in a second one (second_spill.go), and is brought home before
// it is sealed (second_home.go).
//
// A Message is another Sink: what a caller leaves after the tone, in memory until it is over.
// Messages keeps it then, as a file of its own with a slip beside it, before anybody is told.
package recording
