package phone

import "time"

// anew is how far a timestamp may be from the clock on the wall; farther, the peer has begun to
// count anew.
const anew = 5 * time.Second

// Timeline is everything that the call remembers of what it heard, each packet where its timestamp
// says, and when the first of them arrived. What was lost or never sent is silence, and a packet
// that came late is in its place: the sound as a telephone with a patient jitter buffer plays it. A
// stream with another SSRC begins where it arrived.
func (m *Media) Timeline() (pcm []int16, from time.Time) {
	packets := m.Packets()
	if len(packets) == 0 {
		return nil, time.Time{}
	}
	first := packets[0]
	anchor, at := first, 0 // the packet that times are counted from, and where it lies
	for _, p := range packets {
		passed := p.At.Sub(anchor.At)
		place := at + int(int32(p.Timestamp-anchor.Timestamp))
		if off := samplesTime(place-at) - passed; p.SSRC != anchor.SSRC || off.Abs() > anew {
			anchor, at = p, max(len(pcm), int(p.At.Sub(first.At)*clockHz/time.Second))
			place = at
		}
		if place < 0 {
			continue // it was sent before the first that we heard
		}
		if missing := place + len(p.PCM) - len(pcm); missing > 0 {
			pcm = append(pcm, make([]int16, missing)...)
		}
		copy(pcm[place:], p.PCM)
	}
	return pcm, first.At
}

func samplesTime(n int) time.Duration { return time.Duration(n) * time.Second / clockHz }
