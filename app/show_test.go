package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/configs"
	"hotline/desk"
	"hotline/media"
	"hotline/recording"
	"hotline/store"
)

// recorded puts a call of two seconds, a tone each way, and its row into a data folder.
func recorded(t *testing.T, f *configs.File, from call.Number, arrived time.Time) call.ID {
	t.Helper()
	id := call.NewID()
	r, err := recording.New(recording.Options{
		Dir: filepath.Join(f.Data, "recordings"), Node: "n", Zone: f.Zone(), Format: recording.PCM16, Log: zap.NewNop(), Metrics: prometheus.NewRegistry(),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	g, err := r.Open(recording.Meta{Call: id, Line: "919", Arrived: arrived, Answered: arrived, Codec: call.PCMA})
	if err != nil {
		t.Fatal(err)
	}
	g.SetNotice(call.Notice{Key: "notice.recording", Language: "ru", From: arrived, To: arrived.Add(300 * time.Millisecond), Version: "x"})
	g.SetLanguage("ru")
	g.Party(recording.Party{Channel: "left", Role: "caller", From: arrived})
	g.Party(recording.Party{Channel: "right", Role: "operator", Name: "aysel", From: arrived.Add(500 * time.Millisecond)})
	pcm, payload := make([]int16, 160), make([]byte, 160)
	for i := range 100 {
		for k := range pcm {
			pcm[k] = int16((k%20 - 10) * 1500)
		}
		media.Encode(payload, pcm, call.PCMA)
		at := time.Duration(i) * 20 * time.Millisecond
		g.Take(call.Frame{Channel: call.Heard, Codec: call.PCMA, Timestamp: uint32(i * 160), At: arrived.Add(at), Payload: payload})
	}
	res, err := g.Seal(t.Context(), arrived.Add(2*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(store.Options{Dir: f.Data, Log: zap.NewNop(), Metrics: unseen()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	record := call.Record{
		ID: id, Line: "919", From: from, Language: "ru", Queue: "general", Operator: "aysel", Outcome: call.Completed, EndedBy: call.ByCaller,
		Arrived: arrived, Answered: arrived, Ended: arrived.Add(2 * time.Second), Recording: res.Path,
	}
	if err := s.Closed(record); err != nil {
		t.Fatal(err)
	}
	for _, e := range []call.Event{
		{At: arrived.Add(300 * time.Millisecond), Call: id, Name: "call.queued", Data: map[string]string{"queue": "general"}},
		{At: arrived.Add(500 * time.Millisecond), Call: id, Name: "call.answered", Data: map[string]string{"by": "operator", "operator": "aysel"}},
		{At: arrived.Add(time.Second), Call: id, Name: "call.held", Data: map[string]string{"held": "yes", "by": "operator"}},
		{At: arrived.Add(1500 * time.Millisecond), Call: id, Name: "call.held", Data: map[string]string{"held": "no", "by": "operator"}},
	} {
		s.Event(e)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return id
}

// A recording is seen with no server running, by the commands' way; its picture survives the way through JSON.
func TestARecordingIsSeen(t *testing.T) {
	f := configs.Default()
	f.Data = t.TempDir()
	id := recorded(t, f, "+994125550100", time.Now().Add(-time.Hour).Truncate(time.Millisecond))
	client, done, err := Client(f)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	shown, err := client.Recording(context.Background(), string(id)[:30])
	if err != nil {
		t.Fatal(err)
	}
	text := RecordingText(shown, f.Zone(), Terminal{Width: 80})
	for _, want := range []string{string(id), "line 919, ru, 0:02.0", "notice  ru", "0:00.3  0:00.5  wait    general", "0:00.5  0:02.0  talk    aysel", "0:01.0  0:01.5  hold    by the operator", "before the notice"} {
		if !strings.Contains(text, want) {
			t.Errorf("the picture has no %q:\n%s", want, text)
		}
	}
	if svg := RecordingSVG(shown, f.Zone()); !bytes.Contains(svg, []byte("wait: general")) || !bytes.HasSuffix(svg, []byte("</svg>\n")) {
		t.Error("the SVG does not show the wait")
	}
	if shown.Peaks.PerSecond != 10 || len(shown.Peaks.Heard) != 20 || shown.Peaks.Heard[5] < 100 || shown.Peaks.Said[5] != 0 {
		t.Errorf("the peaks are %+v", shown.Peaks)
	}
	if err := os.RemoveAll(filepath.Join(f.Data, "recordings")); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Recording(context.Background(), string(id)); err == nil || !strings.Contains(err.Error(), desk.ErrNotFound.Error()) {
		t.Errorf("a recording that is gone: %v", err)
	}
}
