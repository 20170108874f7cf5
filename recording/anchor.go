package recording

import "math"

// How far arrival and RTP time may drift apart, in samples of 8 kHz.
const (
	// slack is what is left alone: 15 ms. Below it nobody hears that a word moved; a tighter
	// one would cut the sound more often to follow a telephone's clock.
	slack = 15 * 8

	// jump is where the RTP time is no longer believed: 200 ms. Another source has taken the
	// stream over, or its clock was set.
	jump = 200 * 8

	// stall is the longest a network is believed to have held packets back that then come all
	// at once with their RTP time unbroken: 1 s. Behind that it was a pause of the speaker.
	stall = 1000 * 8

	// watch is how long lateness is watched before the axis follows it: 1 s, and at least
	// watchFrames frames. The least late of them tells; the others only show jitter.
	watch       = 1000 * 8
	watchFrames = 10
)

// An axis places the frames of one channel on the call's time. The first frame is believed to
// have arrived when it was spoken; those after it are placed by RTP time, so that jitter, loss,
// reordering and doubling leave no mark; and where RTP time and arrival part ways the axis
// follows arrival, because one second of file is one second of call.
type axis struct {
	set       bool
	now, past mark // past: of the source before the last jump, for its stragglers
	pastSet   bool
	last      uint32 // RTP time of the last frame
	since     int64  // begin of the watch
	least     int64  // least lateness seen in it
	frames    int
}

// A mark says at which sample of the call an RTP time is.
type mark struct {
	ts  uint32
	pos int64
}

// at is the place of an RTP time; it is right 74 hours either way of the mark.
func (m mark) at(ts uint32) int64 { return m.pos + int64(int32(ts-m.ts)) }

// place says at which sample of the call a frame begins that arrived at sample arrival.
func (a *axis) place(ts uint32, arrival int64) int64 {
	if !a.set {
		a.set = true
		a.move(ts, arrival, arrival)
		return arrival
	}
	pos := a.now.at(ts)
	late := arrival - pos
	step := int64(int32(ts - a.last))
	if late > stall || late < -jump || (late > jump && (step > stall || step < -stall)) {
		if a.pastSet {
			if old := a.past.at(ts); arrival-old >= -slack && arrival-old <= jump {
				return old // a straggler of the source before
			}
		}
		a.past, a.pastSet = a.now, true
		a.move(ts, arrival, arrival)
		return arrival
	}
	a.last = ts
	if late < -slack {
		// No packet arrives before it was spoken, so the axis lay too late: its first
		// packet was held up, or the way has become shorter, or the telephone's clock runs fast.
		a.move(ts, arrival, arrival)
		return arrival
	}
	a.least = min(a.least, late)
	a.frames++
	if arrival-a.since >= watch && a.frames >= watchFrames {
		shift := int64(0)
		if a.least > slack {
			shift = a.least // every one was late: the way is longer, or the clock runs slow
		}
		a.move(ts, pos+shift, arrival)
	}
	return pos
}

// move sets the mark and begins a new watch.
func (a *axis) move(ts uint32, pos, arrival int64) {
	a.now = mark{ts, pos}
	a.last = ts
	a.since, a.least, a.frames = arrival, math.MaxInt64, 0
}
