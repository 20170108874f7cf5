// Package vault keeps the sound of a call on disk so that nobody reads it without its key, and
// nobody changes it without being found out.
//
// # The file
//
// CALL.rec is only ever appended to. It begins with a plain header: the line of Magic and a line
// of JSON (Header). Behind it lies one frame after the other:
//
//	 0  mark      4 bytes "\xF1rec": where to go on reading behind a damage
//	 4  kind      1 byte: 1 sound, 2 final
//	 5  zero      3 bytes
//	 8  length    uint32: bytes of ciphertext, without tag and checksum
//	12  sequence  uint32: 0 for the first frame, one more for each
//	16  counter   uint64: makes the nonce; rises from frame to frame, with holes
//	24  first     uint64: the sample at which this sound begins; in the final frame the number of samples
//	32  before    16 bytes: the tag of the frame before, zeros in the first
//	48  back      15 bytes: how far before first the earliest of the one, two, … 15 frames before begins, in
//	              units of 10 ms, rounded up; 255: farther. It says what frames that are missing can have replaced
//	63  zero      1 byte
//	64  the ciphertext, then its tag (16 bytes), then CRC-32C of all of the frame before it (4 bytes)
//
// Numbers are big-endian. A frame of sound holds at most 200 ms, as they lie in the data part of
// the WAV. A frame that begins before the end of the one before it replaces what it covers: packets
// come late, but never more than LookBack. The final frame holds the number of samples and the
// number of the frames before it, as two uint64; without it a recording was cut off.
//
// The cipher is AES-256 in GCM (NIST SP 800-38D) under a sub-key of the recording's key (HKDF,
// RFC 5869); the associated data are the SHA-256 of the header and the frame's head. So a frame
// stands for its place in its recording: swapped, dropped, doubled, spliced and altered frames are
// found with the key, and most of it without: the checksums and the tags before are there to see.
// Who repairs a file after a crash or looks for a flipped bit needs no key.
//
// # The nonce
//
// Two different plaintexts under one nonce would give both away. The nonce is the counter, and the
// counter rises with each frame that is sealed, not with each that was written: a frame that the
// disk took half is sealed again under another nonce, even if nothing of it has changed. The counter
// lives in the Writer; the key is made by the Writer, for itself, and no Writer can be given one. A
// process that died takes both with it: what it left is repaired without the key and never
// continued. So no two frames ever share key and nonce, whatever the disk and the process do.
//
// # The keys
//
// Each recording has a random key. It lies beside it in CALL.key, an age file (age-encryption.org/v1)
// for the current epoch and for every recovery recipient. Epochs are age identities in a folder of
// the Keyring; a new one is made now and then (rotation), and all CALL.key are sealed anew. Who only
// records needs the public half of an epoch. Erasing CALL.key erases the recording.
package vault
