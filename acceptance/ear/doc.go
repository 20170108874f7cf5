// Package ear tells from sound alone which clips a telephone heard, in which order and language,
// and when. It knows the originals, prompts/clips/LANGUAGE/KEY.wav, and nothing else of ours: no
// parser, no G.711 and no list of keys is shared with the program that is judged.
//
//	e, err := ear.Load("../prompts/clips")
//	pcm, err := ear.FromPCAP("call.pcap", 6000)
//	for _, h := range e.Hear(pcm) {
//		fmt.Println(h) // 1.24s-4.68s az/open.greeting
//	}
//
// A telephone call is digital: what arrives is the original, coded by G.711 once or twice, with a
// packet missing here and there. So a clip is not guessed from its likeness but found to the
// sample. It goes in four steps, each in its file:
//
//   - marks.go: peaks of the sound are landmarks, and the shape around each is 32 bits. The same
//     bits in a recording and in an original say where in the recording that original may stand.
//   - match.go: there the energy of the difference is compared with the original's, every 10 ms. A
//     run is a stretch where next to nothing is left.
//   - chain.go: the runs of one clip, across gaps and slips of the clock, are a candidate, whole or
//     cut short.
//   - decide.go: of candidates that claim the same time, the one that explains most of it is heard.
//     Those that explain it as well have the same sound and are all named.
//
// Not found is what was made louder or resampled on its way, or mixed with another sound.
package ear
