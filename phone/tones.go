package phone

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

// ToneOptions say how a press sounds. The zero value is as telephones do it.
type ToneOptions struct {
	Level float64 // of the weaker tone in dBm0, at most 0; 0 is -9
	Twist float64 // by how many dB the row's tone is louder than the column's; below 0 it is the quieter
	Off   float64 // by how many percent both frequencies are too high; below 0 too low
}

// The two tones of each key, in the order of its event code (ITU-T Q.23).
var (
	rows    = [4]float64{697, 770, 852, 941}
	columns = [4]float64{1209, 1336, 1477, 1633}
	place   = [16][2]int{{3, 1}, {0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}, {2, 0}, {2, 1}, {2, 2}, {3, 0}, {3, 2}, {0, 3}, {1, 3}, {2, 3}, {3, 3}}
)

// PressTone presses 0-9, *, #, A-D for that long as two tones in the sound, as telephones do that
// agreed on no telephone-event, and returns when the last packet of it has been sent. It takes the
// place of what is spoken, and silence follows; a press within 20 ms of the last continues it.
func (m *Media) PressTone(ctx context.Context, digit byte, long time.Duration, o ToneOptions) error {
	event := strings.IndexByte(digits, digit)
	if event < 0 {
		return fmt.Errorf("phone: no such key: %q", digit)
	}
	if o.Level > 0 {
		return fmt.Errorf("phone: press key: a tone of %v dBm0 does not fit the codec, 0 is the loudest", o.Level)
	}
	m.mu.Lock()
	over := m.over
	m.mu.Unlock()
	if over {
		return fmt.Errorf("phone: press key: the call is over")
	}
	select {
	case <-m.SayClip(keySound(event, long, o)):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("phone: press key: %w", ctx.Err())
	}
}

// PressTones presses one key after another by PressTone, 100 ms each with a pause of 100 ms.
func (m *Media) PressTones(ctx context.Context, keys string) error {
	for i := range len(keys) {
		if err := m.PressTone(ctx, keys[i], 100*time.Millisecond, ToneOptions{}); err != nil {
			return err
		}
		if err := pauseFor(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// keySound is the sound of a press. What is louder than the codec can say is cut, as it is in a
// telephone whose tones are both near 0 dBm0.
func keySound(event int, long time.Duration, o ToneOptions) []int16 {
	if o.Level == 0 {
		o.Level = -9
	}
	at := place[event]
	hz := [2]float64{rows[at[0]], columns[at[1]]}
	dBm0 := [2]float64{o.Level + max(0, o.Twist), o.Level + max(0, -o.Twist)}
	sum := make([]float64, int(long*clockHz/time.Second))
	for i, f := range hz {
		// 3.14 dBm0 is a sine that fills the codec's range (ITU-T G.711 §4).
		peak := math.MaxInt16 * math.Pow(10, (dBm0[i]-3.14)/20)
		step := 2 * math.Pi * f * (1 + o.Off/100) / clockHz
		for n := range sum {
			sum[n] += peak * math.Sin(step*float64(n))
		}
	}
	pcm := make([]int16, len(sum))
	for n, v := range sum {
		pcm[n] = int16(max(math.MinInt16, min(math.MaxInt16, v)))
	}
	return pcm
}
