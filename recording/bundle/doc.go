// Package bundle makes a citizen's copy of a recording: one ZIP with the sound, the manifest, a page that plays the
// one and tells the other, and what is needed to see that nothing of it was changed, without us and without this
// program.
//
// bundle.go puts the files together and signs their sums; page.go makes the page, howto.go the text on how to verify;
// words.go has the words of both in Azerbaijani, English and Russian. Nothing here reads the clock, a folder or the
// network: the same Copy and key give the same files.
package bundle
