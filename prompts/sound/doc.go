// Package sound is the arithmetic behind the clips: reading and writing WAV, changing the rate,
// measuring how loud speech is, cutting the silence off. It works on whole clips in memory, when
// the program starts or clips are rendered, never during a call.
package sound
