package recording

import (
	"syscall"
	"testing"
	"time"

	"hotline/call"
	"hotline/recording/vault"
)

// BenchmarkTake is what the media thread pays for a frame.
func BenchmarkTake(b *testing.B) {
	r := quietRecorder(b)
	g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
	if err != nil {
		b.Fatal(err)
	}
	f := call.Frame{Channel: call.Heard, Codec: call.PCMA, At: answered, Payload: make([]byte, 160)}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		g.Take(f)
		if i%500 == 0 { // as the writer would
			r.pool.put(g.ring.take().head)
		}
	}
}

// BenchmarkRecord500 is what a frame costs in all, the kernel's part included, while 500 calls
// are recorded both ways: one op is one frame of one call taken, placed, decoded, encrypted where
// that is asked for, and written.
func BenchmarkRecord500(b *testing.B) {
	b.Run("plain", func(b *testing.B) { record500(b, nil) })
	b.Run("encrypted", func(b *testing.B) {
		ring, err := vault.OpenKeyring(b.TempDir(), nil)
		if err != nil {
			b.Fatal(err)
		}
		defer ring.Close() // only a benchmark
		record500(b, ring)
	})
}

func record500(b *testing.B, ring *vault.Keyring) {
	r := quietRecorder(b)
	r.o.Vault = ring
	var calls []*Recording
	for range 500 {
		g, err := r.Open(Meta{Call: call.NewID(), Arrived: answered, Answered: answered})
		if err != nil {
			b.Fatal(err)
		}
		g.Voice(true, "")
		g.silent[call.Said] = nil
		r.serve(g) // makes the files
		calls = append(calls, g)
	}
	payload := tone(440, 0, call.PCMA)
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu(b)
	for n, at := 0, time.Duration(0); n < b.N; at += 100 * time.Millisecond {
		for _, g := range calls {
			for i := range time.Duration(5) {
				for ch := range call.Channel(2) {
					t := at + i*20*time.Millisecond
					g.Take(call.Frame{Channel: ch, Codec: call.PCMA, Timestamp: uint32(timeSamples(t)), At: answered.Add(t), Payload: payload})
					n++
				}
			}
			r.serve(g)
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op") // a busy machine makes ns/op worse, and this hardly
	for _, g := range calls {
		g.closeFiles()
	}
}

// cpu is what this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
