package recording

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"hotline/call"
	"hotline/media"
)

// TestBothChannelsStandWhereTheyWereSaid plays a quarter of an hour through the whole recorder:
// each channel behind a bad network of its own, every packet saying its number. In the file each
// number that is to be read stands within 20 ms of when it was said, nearly all are to be read,
// and the file is as long as the call.
func TestBothChannelsStandWhereTheyWereSaid(t *testing.T) {
	t.Parallel()
	seed := int(time.Now().UnixNano() & 0xFFFFFFF)
	t.Logf("seed %d", seed)
	networks := rapid.Custom(func(t *rapid.T) []packet { return badNetwork(t, 15*time.Minute) })
	r := quietRecorder(t)
	g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered, Codec: call.PCMA})
	if err != nil {
		t.Fatal(err)
	}
	g.Voice(true, "")
	g.mu.Lock()
	g.silent[call.Said] = nil // from the answer on
	g.mu.Unlock()
	sent := [2][]packet{networks.Example(seed), networks.Example(seed + 1)}
	var said [2][]int64 // by number: when
	for ch, ps := range sent {
		for _, p := range ps {
			said[ch] = append(said[ch], p.spoken)
		}
		slices.Sort(said[ch])
		said[ch] = slices.Compact(said[ch])
	}
	end := max(said[0][len(said[0])-1], said[1][len(said[1])-1]) + 800
	next := sent
	for now := int64(0); now < end+800; now += 800 { // what the writer does every 100 ms
		for ch := range next {
			for ; len(next[ch]) > 0 && next[ch][0].arrival < now; next[ch] = next[ch][1:] {
				p := next[ch][0]
				n, _ := slices.BinarySearch(said[ch], p.spoken)
				g.Take(call.Frame{
					Channel: call.Channel(ch), Codec: call.PCMA, Timestamp: p.ts,
					At: answered.Add(samplesTime(p.arrival)), Payload: numbered(uint32(n)),
				})
			}
		}
		r.pool.stock()
		r.serve(g)
	}
	res, err := sealQuiet(r, g, answered.Add(samplesTime(end)))
	if err != nil || res.Samples != end {
		t.Errorf("the file has %d samples, the call %d; %v", res.Samples, end, err)
	}
	left, right := channels(t, filepath.Join(r.o.Dir, g.stem+soundExt))
	judgeNumbers(t, "left", left, sent[0], said[0])
	judgeNumbers(t, "right", right, sent[1], said[1])
}

// sealQuiet seals a recording of a recorder whose writer does not run.
func sealQuiet(r *Recorder, g *Recording, ended time.Time) (Result, error) {
	if err := r.beginSeal(g, ended); err != nil {
		return Result{}, err
	}
	r.guard(g)
	<-g.done
	return g.result, g.err
}

// judgeNumbers reads the numbers in a channel.
func judgeNumbers(t *testing.T, name string, pcm []int16, sent []packet, said []int64) {
	t.Helper()
	fresh := map[int64]bool{} // where a source begins, the axis may still be finding its place
	for _, p := range sent {
		if p.fresh {
			fresh[p.spoken] = true
		}
	}
	law := make([]byte, len(pcm))
	media.Encode(law, pcm, call.PCMA)
	read, worst := 0, int64(0)
	for n := 0; n+160 <= len(law); n++ {
		number, ok := numberAt(pcm, n)
		if !ok || int(number) >= len(said) || !bytes.Equal(law[n:n+160], numbered(number)) {
			continue
		}
		read++
		if off := int64(n) - said[number]; !fresh[said[number]] {
			worst = max(worst, abs(off))
			if abs(off) > 160 {
				t.Fatalf("%s: what was said at %d ms stands %.1f ms off", name, said[number]/8, float64(off)/8)
			}
		}
		n += 159
	}
	t.Logf("%s: %d of %d packets are whole in the file, the worst is %.1f ms off", name, read, len(said), float64(worst)/8)
	if read*10 < len(said)*9 {
		t.Errorf("%s: only %d of %d packets are whole in the file", name, read, len(said))
	}
}
