package archive

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

// BenchmarkScan looks through ten thousand recordings that are all away: what a start does with each
// recording that is kept.
func BenchmarkScan(b *testing.B) {
	const many = 10_000
	dir := b.TempDir()
	p := folderAt(b, b.TempDir())
	root := must(os.OpenRoot(dir))
	defer root.Close()
	for i := range many {
		stem := begin.AddDate(0, 0, i/1000).Format("2006/01/02/") + fmt.Sprintf("0190aaaa-0000-7000-8000-%012d", i)
		if i%1000 == 0 {
			os.MkdirAll(filepath.Join(dir, filepath.Dir(stem)), 0o755)
		}
		n := Note{Version: noteVersion, Call: callOf(stem)}
		c := Copy{Place: "dir", Where: p.Where, Verified: begin}
		for _, ext := range []string{plainExt, manifestExt, ".peaks"} {
			os.WriteFile(filepath.Join(dir, stem+ext), []byte("{}"), 0o640)
		}
		files, err := lies(root, stem)
		if err != nil {
			b.Fatal(err)
		}
		c.Files = files
		n.put(c)
		note, _ := os.Create(filepath.Join(dir, stem+noteExt))
		must(note.WriteString(string(must(json.Marshal(n)))))
		note.Close()
	}
	a, err := New(Options{Dir: dir, Places: []Located{p}, KeepLocal: -1, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(), Events: func(call.Event) {}})
	if err != nil {
		b.Fatal(err)
	}
	defer a.Close()
	began := time.Now()
	for b.Loop() {
		if n, err := a.scan(context.Background()); err != nil || n != many || a.Pending() != 0 {
			b.Fatalf("%d recordings, %d pending: %v", n, a.Pending(), err)
		}
	}
	b.ReportMetric(float64(time.Since(began).Microseconds())/float64(b.N)/many, "µs/recording")
}
