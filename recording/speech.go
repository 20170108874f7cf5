package recording

import (
	"math"
	"math/bits"
	"time"
)

// blockSamples is what is judged at a time: 20 ms.
const blockSamples = 160

// Levels are dB below overload, as in RFC 6464: 0 is the loudest, 127 nothing at all.
const (
	quietest    = 127
	nothingCame = 255 // no frame: lost, or the telephone sends none while nobody speaks

	// faint is the level below which nothing is speech. A voice has about -26 dBov while it
	// speaks (the level ITU-T P.56 is used to set), far from the microphone -40.
	faint = 46

	// sure is the level above which everything is speech, however steady: a street is -35 dBov.
	sure = 28

	// above is by how much speech stands out of the noise of its line.
	above = 9
)

// How many blocks make what.
const (
	// Speech begins with begins loud blocks of the last ofBlocks: a click is shorter.
	begins   = 4
	ofBlocks = 6

	// pause is the longest silence that belongs to speech, between words: 300 ms.
	pause = 15

	// breath is how long a voice is believed never to go on without the line's own noise
	// showing between two syllables: 1.5 s.
	breath = 75
)

// levelOf is the level of a stretch of samples.
func levelOf(pcm []int16) uint8 {
	var sum int64
	for _, s := range pcm {
		sum += int64(s) * int64(s)
	}
	if sum == 0 {
		return quietest
	}
	db := -10 * math.Log10(float64(sum)/float64(len(pcm))/(1<<30))
	return uint8(min(max(math.Round(db), 0), quietest))
}

// An ear tells speech from the noise of a line by its energy. It hears one block after another.
type ear struct {
	at     int // blocks heard
	last   int // the block behind the last speech; 0: none yet
	spoken int // blocks of speech

	latest   uint8 // a bit for each of the latest blocks: it was loud
	speaking bool
	waiting  int // blocks since the last loud one, while speaking

	low, before uint8 // the quietest block of this breath, and of the one before
	breathed    int   // blocks of this breath that came
}

// hear goes on with the levels of some blocks.
func (e *ear) hear(levels []uint8) {
	for _, l := range levels {
		e.block(l)
	}
}

func (e *ear) block(level uint8) {
	e.at++
	e.latest = e.latest << 1 & (1<<ofBlocks - 1)
	if level != nothingCame && level < e.threshold(level) {
		e.latest |= 1
	}
	loud := bits.OnesCount8(e.latest)
	switch {
	case !e.speaking && loud >= begins:
		e.speaking, e.waiting = true, 0
		e.spoken += loud
		e.last = e.at
	case e.speaking:
		e.waiting++
		if bits.OnesCount8(e.latest&7) >= 2 {
			e.spoken += e.waiting
			e.last, e.waiting = e.at, 0
		} else if e.waiting > pause {
			e.speaking = false
		}
	}
}

// threshold is the level a block must be louder than. It follows the noise of the line: down at
// once, up within two breaths.
func (e *ear) threshold(level uint8) uint8 {
	e.low = max(e.low, level)
	noise := max(e.low, e.before)
	if e.breathed++; e.breathed == breath {
		e.before, e.low, e.breathed = e.low, 0, 0
	}
	return min(max(noise, sure+above)-above, faint)
}

func blocksTime(n int) time.Duration { return samplesTime(int64(n) * blockSamples) }
