package phone

import (
	"slices"
	"testing"
	"time"
)

func TestTimeline(t *testing.T) {
	begin := time.Unix(1000, 0)
	// A packet of ten samples of one value, of a stream whose clock began just before a wrap.
	packet := func(ssrc uint32, place int, after time.Duration, value int16) Packet {
		return Packet{At: begin.Add(after), SSRC: ssrc, Timestamp: uint32(0xFFFFFFF0 + place), PCM: slices.Repeat([]int16{value}, 10)}
	}
	const ms = time.Millisecond
	for _, c := range []struct {
		name    string
		packets []Packet
		want    []int16 // a value for every ten samples
	}{
		{"nothing was heard", nil, nil},
		{"in order", []Packet{packet(1, 0, 0, 1), packet(1, 10, ms, 2), packet(1, 20, 2*ms, 3)}, []int16{1, 2, 3}},
		{"a lost packet is silence", []Packet{packet(1, 0, 0, 1), packet(1, 20, 2*ms, 3)}, []int16{1, 0, 3}},
		{"a late packet is in its place", []Packet{packet(1, 0, 0, 1), packet(1, 20, 2*ms, 3), packet(1, 10, 3*ms, 2)}, []int16{1, 2, 3}},
		{"one from before the first is left out", []Packet{packet(1, 10, 0, 2), packet(1, 0, ms, 1), packet(1, 20, 2*ms, 3)}, []int16{2, 3}},
		{"another stream begins where it came", []Packet{packet(1, 0, 0, 1), packet(2, 77777, 5*ms, 4), packet(2, 77787, 6*ms, 5)}, []int16{1, 0, 0, 0, 4, 5}},
		{"another stream does not begin before the end of the last", []Packet{packet(1, 0, 0, 1), packet(1, 10, 0, 2), packet(2, 5, 0, 4)}, []int16{1, 2, 4}},
		{"a clock that began anew", []Packet{packet(1, 0, 0, 1), packet(1, 1<<30, 5*ms, 4)}, []int16{1, 0, 0, 0, 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := &Media{in: inStream{packets: c.packets}}
			pcm, from := m.Timeline()
			var got []int16
			for i := 0; i < len(pcm); i += 10 {
				got = append(got, pcm[i])
			}
			if !slices.Equal(got, c.want) || len(pcm)%10 != 0 {
				t.Errorf("heard %v in %d samples, want %v", got, len(pcm), c.want)
			}
			if len(c.packets) > 0 && !from.Equal(c.packets[0].At) {
				t.Errorf("from %v", from)
			}
		})
	}
}
