// Package prompts is what callers and operators hear from us: the clips we ship, how to find
// them by key and language, and what a deployer puts in their place.
//
// catalogue.yaml says which clips there are and what they say. `make prompts` (package render)
// speaks every text with espeak-ng, shapes it for the telephone and writes clips/LANGUAGE/KEY.wav;
// the clips are committed and embedded, so the program needs no synthesiser. The music and the
// tones are ours too, made by the same command out of sines.
//
// Texts with numbers in them are written by package spoken (sets.go lists them); the Say functions
// of a Library find the clips of a number: whole phrases first, pieces second, silence rather than
// a wrong word.
//
// Load makes a Library of them: every clip decoded and coded once, when it is first asked for, then
// shared by all calls and never changed. A deployer's own DATA/prompts/LANGUAGE/KEY.wav wins over the built-in one; if it is
// broken, the built-in one is played, the log says so, and Check says so before.
package prompts
