package media

import (
	"math"
	"math/cmplx"
)

// Keys by the two tones that a telephone puts into the sound (ITU-T Q.23), told by the Goertzel
// algorithm within limits like those of Q.24, which differ from country to country there:
//
//	each frequency        taken up to 1.5 % off, refused from 3.5 % off
//	each tone             from -27 dBm0 to 0 dBm0
//	twist                 the column's tone up to 8 dB below the row's, or 4 dB above it
//	a press               taken from 40 ms on, refused below 23 ms
//	a break in a press    up to 20 ms changes nothing
//	a pause               from 40 ms on the same key again is another press
//	noise                 15 dB below the two tones
//
// Each limit holds by itself and together with noise; where a press is at all of them at once it
// takes 50 ms.
//
// Speech has tones too. It is told by what else it has: most of the energy must lie in the two
// tones (which leaves no room for a second harmonic), each must stand out of its group, and for
// 30 ms both must be as loud as they were and turn at exactly the speed of their frequency.

// toneBlock is what is judged at once: 10 ms, in samples. A press of 40 ms always fills three
// blocks, one of 23 ms never; 20 ms of break spoil at most three, 40 ms of pause at least four.
const toneBlock = 80

const (
	toneBlocks = 3 // filled blocks make a press
	toneMisses = 4 // blocks without it end it

	// toneShare is how much of a block's energy must lie in the two tones. Frequencies that are
	// 1.5 % off and noise of -15 dB leave 0.8 of it.
	toneShare = 0.7
	// toneStands is by how much a tone must be louder than any other of its group: 2 dB in power.
	// Of a frequency that is 1.5 % off a neighbour may hear 6 dB less; the other group's tone and
	// noise take some of that.
	toneStands = 1.6
	// toneSteady is the least power of the three blocks, as a share of the greatest. A block that
	// the press fills by three quarters is below it.
	toneSteady = 0.6
	// The power of the row's tone over the column's: 11 dB and -6 dB. What a frequency that is off
	// loses in its filter comes on top of the twist that was sent.
	toneForward, toneReverse = 12, 0.25
	// toneOff is how far a frequency may be off: between 1.5 % and 3.5 %.
	toneOff = 0.025
	// toneHalf is how much more or less a tone may turn in half a block, in radians: 48 Hz.
	toneHalf = 1.5
)

// toneHz are the frequencies of the rows and then of the columns, in Hz (Q.23 §6).
var toneHz = [8]float64{697, 770, 852, 941, 1209, 1336, 1477, 1633}

// toneKeys are the keys, row by row.
const toneKeys = "123A456B789C*0#D"

// tones holds the constants of each frequency.
var tones = makeTones()

type toneTable struct {
	factor  [8]float64    // 2 cos ω
	phasor  [8]complex128 // e^(-iω)
	half    [8]complex128 // e^(iωN/2): what goes on for half a block
	advance [8]complex128 // e^(-iωN): turns a tone back that has gone on for a block
	far     [8]float64    // by how much a tone that is toneOff off turns more or less in a block
	least   float64       // power of a tone of -32 dBm0 in a block
}

func makeTones() *toneTable {
	t := &toneTable{}
	for i, hz := range toneHz {
		w := 2 * math.Pi * hz / 8000
		t.factor[i] = 2 * math.Cos(w)
		t.phasor[i] = cmplx.Rect(1, -w)
		t.half[i] = cmplx.Rect(1, w*toneBlock/2)
		t.advance[i] = cmplx.Rect(1, -w*toneBlock)
		t.far[i] = toneOff * w * toneBlock
	}
	// A sine that fills A-law's range, 4096 of 13 bits, has 3.14 dBm0 (G.711 §4).
	amplitude := 32768 * math.Pow(10, (-32-3.14)/20)
	t.least = amplitude * amplitude * toneBlock * toneBlock / 4
	return t
}

// A toneDetector finds presses in samples that follow one another. It allocates nothing.
type toneDetector struct {
	// The block that is being filled.
	s1, s2 [8]float64
	half   [2][8]float64 // s1 and s2 when it was half full
	energy float64
	n      int

	last   [toneBlocks]toneJudged // the latest blocks, the newest first
	apart  bool                   // something is missing between the last block and the next
	down   byte                   // the key that is held; 0: none
	misses int                    // blocks since it was there
}

// A toneJudged is what is kept of a block.
type toneJudged struct {
	key         byte // 0: none
	row, column int
	follows     bool          // the block before it ended where this begins
	y           [2]complex128 // row and column
	half        [2]complex128 // by how much each turned from the first half to the second
	power       [2]float64
}

// take goes on by at most half a block. key is the one whose press has just become
// certain, 0 if none has; rest is what has not been looked at.
func (d *toneDetector) take(b []byte, table *[256]int16) (key byte, rest []byte) {
	full := toneBlock
	if d.n < toneBlock/2 {
		full = toneBlock / 2
	}
	n := min(len(b), full-d.n)
	d.filter(b[:n], table)
	switch d.n += n; d.n {
	case toneBlock:
	case toneBlock / 2:
		d.half = [2][8]float64{d.s1, d.s2}
		return 0, b[n:]
	default:
		return 0, b[n:]
	}
	j := d.judge()
	d.s1, d.s2, d.energy, d.n, d.apart = [8]float64{}, [8]float64{}, 0, 0, false
	d.last[2], d.last[1], d.last[0] = d.last[1], d.last[0], j
	d.hold(j.key)
	if j.key != 0 && j.key != d.down && d.certain() {
		d.down, d.misses = j.key, 0
		return j.key, b[n:]
	}
	return 0, b[n:]
}

// filter runs samples through the eight resonators, four at a time: so many fit the registers.
func (d *toneDetector) filter(b []byte, table *[256]int16) {
	energy := d.energy
	for g := 0; g < 8; g += 4 {
		f, p, q := (*[4]float64)(tones.factor[g:]), (*[4]float64)(d.s1[g:]), (*[4]float64)(d.s2[g:])
		f0, f1, f2, f3 := f[0], f[1], f[2], f[3]
		p0, p1, p2, p3 := p[0], p[1], p[2], p[3]
		q0, q1, q2, q3 := q[0], q[1], q[2], q[3]
		for _, coded := range b {
			x := float64(table[coded])
			p0, q0 = x+f0*p0-q0, p0
			p1, q1 = x+f1*p1-q1, p1
			p2, q2 = x+f2*p2-q2, p2
			p3, q3 = x+f3*p3-q3, p3
			energy += x * x // for both groups: twice what it is
		}
		*p, *q = [4]float64{p0, p1, p2, p3}, [4]float64{q0, q1, q2, q3}
	}
	d.energy = energy
}

// judge says which key a full block may be part of.
func (d *toneDetector) judge() toneJudged {
	var power [8]float64
	for i := range power {
		power[i] = d.s1[i]*d.s1[i] + d.s2[i]*d.s2[i] - tones.factor[i]*d.s1[i]*d.s2[i]
	}
	row, rowStands := loudest(power[:4])
	column, columnStands := loudest(power[4:])
	r, c := power[row], power[4+column]
	// By Parseval a sine's power in its filter is its energy times half the block.
	share := (r + c) * 2 / toneBlock
	if !rowStands || !columnStands || min(r, c) < tones.least || share < toneShare*d.energy/2 {
		return toneJudged{}
	}
	j := toneJudged{key: toneKeys[4*row+column], row: row, column: 4 + column, follows: !d.apart, power: [2]float64{r, c}}
	for i, at := range [2]int{j.row, j.column} {
		j.y[i] = complex(d.s1[at], 0) - tones.phasor[at]*complex(d.s2[at], 0)
		first := complex(d.half[0][at], 0) - tones.phasor[at]*complex(d.half[1][at], 0)
		first *= tones.half[at]
		j.half[i] = (j.y[i] - first) * cmplx.Conj(first)
	}
	return j
}

// loudest is the greatest of four powers, and whether it stands out.
func loudest(power []float64) (at int, stands bool) {
	second := 0.0
	for i := 1; i < len(power); i++ {
		if power[i] > power[at] {
			second, at = power[at], i
		} else {
			second = max(second, power[i])
		}
	}
	return at, power[at] > toneStands*second
}

// certain says that the latest blocks are a press, and not something that sounded like it.
func (d *toneDetector) certain() bool {
	var sum [2]float64
	least, most := math.MaxFloat64, 0.0
	for i := range d.last {
		j := &d.last[i]
		if j.key != d.last[0].key {
			return false
		}
		both := j.power[0] + j.power[1]
		least, most = min(least, both), max(most, both)
		sum[0], sum[1] = sum[0]+j.power[0], sum[1]+j.power[1]
	}
	if least < toneSteady*most || sum[0] > toneForward*sum[1] || sum[0] < toneReverse*sum[1] {
		return false
	}
	return d.turns(0, d.last[0].row) && d.turns(1, d.last[0].column)
}

// turns says that a tone goes round as fast as its frequency does, by how far it has come from
// one block to the next. A high tone that is 4 % off has come by nearly a whole turn more, which
// looks like nothing: the way from half a block to the next says so, if not as exactly.
func (d *toneDetector) turns(which, tone int) bool {
	var mean, half complex128
	for i := range d.last {
		if d.last[i].follows && i+1 < toneBlocks {
			mean += d.last[i].y[which] * cmplx.Conj(d.last[i+1].y[which]) * tones.advance[tone]
		}
		half += d.last[i].half[which]
	}
	return mean != 0 && math.Abs(cmplx.Phase(mean)) < tones.far[tone] && math.Abs(cmplx.Phase(half)) < toneHalf
}

// hold follows the key that is down from block to block.
func (d *toneDetector) hold(key byte) {
	switch {
	case d.down == 0:
	case key == d.down:
		d.misses = 0
	default:
		if d.misses++; d.misses >= toneMisses {
			d.down = 0
		}
	}
}

// silence is what was not sent because there was nothing to hear: so many samples.
func (d *toneDetector) silence(samples int) {
	d.jump()
	d.last = [toneBlocks]toneJudged{}
	if d.misses += samples / toneBlock; d.misses >= toneMisses {
		d.down = 0
	}
}

// missing is what was sent and did not come: so many samples. It was the press where the press is
// on both sides of it, else it was the pause.
func (d *toneDetector) missing(samples int) {
	if samples > longestFrame {
		d.silence(samples) // more than one packet: nobody knows
		return
	}
	d.jump()
	paused := d.misses > 0
	if d.misses += samples / toneBlock; paused && d.misses >= toneMisses {
		d.down = 0
	}
}

// jump leaves the block that is being filled.
func (d *toneDetector) jump() {
	d.s1, d.s2, d.energy, d.n, d.apart = [8]float64{}, [8]float64{}, 0, 0, true
}
