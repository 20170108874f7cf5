// Package backup copies a data folder while a server works in it, proves the copy, and puts it
// back.
//
// A backup is a folder:
//
//	BACKUP.json   what it is, and the size and SHA-256 of each file; written last
//	data/         the data folder: hotline.db, keys, recordings, messages, prompts, access, …
//	config/       the configuration file and the certificates it names, for whoever has to look them up
//
// What dies with a process is left out: the lock, the control socket, run.json, traces of the
// signalling, files half written.
//
// # What is copied, and in which order
//
// Rows first, then the files that they name: a recording is sealed before its row says so, so every
// recording that a row of the copy names is on the disk when the files are listed. The command
// reads the rows itself, through a transaction of its own (store.CopyRows); the server need not be
// asked, and may run in a sandbox that cannot write where the backup goes.
//
// Recordings that are open are copied as far as they are, with their draft, and named in
// BACKUP.json: a restore seals them as interrupted, as a start after a crash does. The links of the
// chain are copied up to the last one that a first listing has seen (recordings.go): the copy has no
// hole. Keys are copied before the recordings and once more after them: whichever key a recording
// is sealed for, it is there.
//
// # Nothing half-trusted
//
// Each file is written under another name, synced, given its name, and read back from the disk; its
// SHA-256 is that of what was read from the data folder. A run puts what it copies into a folder
// next-RUN; only when everything is there BACKUP.json is replaced, then next-RUN is emptied into data,
// and what is in neither is removed. A second run into the same folder copies what is new. So at any
// moment the folder holds one whole backup, or says clearly that it holds none; and what a run that
// died had copied, the next one takes over.
//
// A copy is made of bytes, never of links or of shared blocks: what damages one must not damage
// the other.
package backup
