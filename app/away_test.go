package app

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"hotline/call"
	"hotline/call/wire"
	"hotline/configs"
)

// A call is recorded, goes to a folder and to storage, goes here, and is played, listed and verified
// where it lies: by the running server, after a restart, and by a command without a server.
func TestRecordingsGoAway(t *testing.T) {
	t.Run("plain", func(t *testing.T) { recordingsGoAway(t) })
	t.Run("encrypted", func(t *testing.T) {
		identity, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		recordingsGoAway(t, identity.Recipient().String())
	})
}

// hear is a recording as it is played.
func hear(t *testing.T, a *App, id call.ID) []byte {
	t.Helper()
	f, _, err := a.keeper.open(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func recordingsGoAway(t *testing.T, encrypt ...string) {
	backend := s3mem.New()
	if err := backend.CreateBucket("recordings"); err != nil {
		t.Fatal(err)
	}
	var down atomic.Bool
	inner := gofakes3.New(backend, gofakes3.WithTimeSkewLimit(0)).Server()
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	defer storage.Close()
	down.Store(true) // at the start: it waits for nobody

	file := config(t, t.TempDir())
	file.Recording.Encrypt = encrypt
	file.Recording.Away = configs.Away{
		Dir: t.TempDir(), KeepLocal: 0, Mbit: 0,
		S3: configs.S3{
			Endpoint: strings.TrimPrefix(storage.URL, "http://"), Bucket: "recordings", Prefix: "hotline", Region: "us-east-1",
			AccessKey: "a", SecretKey: "b", Insecure: true,
		},
	}
	a := startApp(t, Options{File: file})
	defer func() { a.Close() }()
	p, c := dial(t, a)
	defer p.Close()
	time.Sleep(300 * time.Millisecond) // some sound
	ctx := timeout(t, 30*time.Second)
	if err := c.Hangup(ctx); err != nil {
		t.Fatal(err)
	}
	record := newest(t, a)
	sound := filepath.Join(file.Data, record.Recording)
	dirs := a.sounds()
	until := func(what string, so func(wire.Recording) bool) {
		t.Helper()
		for {
			list, err := dirs.List(ctx)
			if err != nil {
				t.Fatal(err)
			}
			if len(list) == 1 && so(list[0]) {
				return
			}
			select {
			case <-ctx.Done():
				t.Fatalf("%s: %+v", what, list)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	until("it lies in the folder", func(r wire.Recording) bool { return len(r.Away) == 1 && r.Away[0] == "dir" && r.Local })
	whole, err := os.ReadFile(sound)
	if err != nil {
		t.Fatal(err)
	}
	before := hear(t, a, record.ID)
	down.Store(false)
	until("it lies there alone", func(r wire.Recording) bool { return len(r.Away) == 2 && !r.Local })
	if _, err := os.Stat(sound); err == nil {
		t.Error("the sound is still here")
	}
	check := func(who string, s sounds) {
		t.Helper()
		if v, err := s.Verify(ctx); err != nil || len(v.Faults) != 0 || v.Checked != 1 {
			t.Errorf("%s: verify says %+v, %v", who, v, err)
		}
		if v, err := s.VerifyAway(ctx); err != nil || len(v.Faults) != 0 || v.Checked != 2 || v.Waiting != 0 {
			t.Errorf("%s: verify --away says %+v, %v", who, v, err)
		}
		kept, done, err := s.away()
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		f, err := kept.Open(ctx, record.Recording)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, whole) || f.Place == "" {
			t.Errorf("%s: %d bytes from %s: %v", who, len(got), f.Place, err)
		}
	}
	check("the server", dirs)
	if got := hear(t, a, record.ID); !bytes.Equal(got, before) || len(got) < 44 {
		t.Errorf("it is played as %d bytes, and was as %d", len(got), len(before))
	}
	a.Close()
	a = startApp(t, Options{File: file})
	check("the next server", a.sounds())
	aside := a.sounds()
	aside.away = awayOf(file, a.log)
	check("no server", aside)

	// Somebody alters what lies in the folder.
	there := filepath.Join(file.Recording.Away.Dir, strings.TrimPrefix(record.Recording, "recordings/"))
	altered := bytes.Clone(whole)
	altered[len(altered)/2] ^= 1
	if err := os.WriteFile(there, altered, 0o640); err != nil {
		t.Fatal(err)
	}
	v, err := a.sounds().VerifyAway(context.Background())
	if err != nil || len(v.Faults) != 1 || v.Faults[0].Place != "dir" || !strings.Contains(v.Faults[0].Problem, "altered") {
		t.Errorf("verify --away says %+v, %v", v, err)
	}
}

// hotline check names a folder that is not there, and takes one that is.
func TestCheckOfRecordingsAway(t *testing.T) {
	file := config(t, t.TempDir())
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{"": "", t.TempDir(): "", filepath.Join(plain, "nowhere"): "not a directory", plain: "is not a folder"} {
		file.Recording.Away.Dir = dir
		faults := checkAway(file)
		if (want == "") != (len(faults) == 0) || want != "" && !strings.Contains(faults[0].String(), want) {
			t.Errorf("%q: %v", dir, faults)
		}
	}
}

// hotline check names a second directory that is not there.
func TestCheckOfSecondDirectory(t *testing.T) {
	file := config(t, t.TempDir())
	plain := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{"": "", t.TempDir(): "", plain + "s": "no such file", plain: "is not a folder"} {
		file.Recording.Second = dir
		faults := checkSecond(file)
		if (want == "") != (len(faults) == 0) || want != "" && !strings.Contains(faults[0].String(), want) {
			t.Errorf("%q: %v", dir, faults)
		}
	}
}
