package archive

import (
	"bytes"
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
)

// storms are archives of real storage on a real socket, by a clock of the test.
func storm(t *testing.T, s *storage, dir string, keep time.Duration) (*house, *handClock) {
	t.Helper()
	c := newHandClock(begin)
	return newHouse(t, dir, Options{Places: []Located{s.place(t)}, KeepLocal: keep, Clock: c}), c
}

// Storage dies in mid-upload and comes back after an hour: what it has is not sent again, nothing
// goes here before it has all, and nothing is there twice.
func TestStorageThatDiesInMidUpload(t *testing.T) {
	s, dir := newStorage(t, false), t.TempDir()
	long := record(t, dir, begin, 3*testPart+1000)
	short := record(t, dir, begin, 50_000)
	s.set(func() { s.dieAfter = 2*testPart + testPart/2 })
	h, clock := storm(t, s, dir, 0)
	h.Start()
	clock.until(t, time.Second, func() bool { return h.value("hotline_away_failures_total", "s3") >= 2 })
	first := s.sent()
	for clock.Now().Before(begin.Add(time.Hour)) {
		clock.pass(10 * time.Second)
		if !h.here(long.stem) {
			t.Fatal("the sound is gone here, and the storage has half of it")
		}
	}
	s.set(func() { s.down = false })
	clock.until(t, time.Second, func() bool { return h.Pending() == 0 && !h.here(long.stem) && !h.here(short.stem) })
	long.mustLie(t, h.o.Places[0])
	short.mustLie(t, h.o.Places[0])
	if took := clock.Now().Sub(begin); took > time.Hour+longestRest+time.Minute {
		t.Errorf("it was away %v after the beginning", took)
	}
	// Of what was sent before it died only the part in which it did may be sent once more, and the
	// short one, which may have been under way.
	want := long.size() + short.size()
	if got := s.sent(); got < want || got > want+testPart+short.size() {
		t.Errorf("%d bytes were sent for %d, %d of them before it died", got, want, first)
	}
	if n := s.count("POST", "uploads="); n != 1 {
		t.Errorf("%d uploads were begun", n)
	}
	if got := all(t, h.o.Places[0], ""); len(got) != 6 {
		t.Errorf("there lie %v", got)
	}
}

// The process dies in mid-upload too: the next one goes on with what the storage has.
func TestAProcessThatDiesInMidUpload(t *testing.T) {
	s, dir := newStorage(t, false), t.TempDir()
	k := record(t, dir, begin, 4*testPart)
	s.set(func() { s.dieAfter = 2*testPart + 100 })
	h, clock := storm(t, s, dir, -1)
	h.Start()
	clock.until(t, time.Second, func() bool { return h.value("hotline_away_failures_total", "s3") >= 1 })
	h.Close()
	s.set(func() { s.down = false })
	before := s.sent()
	h, clock = storm(t, s, dir, -1)
	h.Start()
	clock.until(t, time.Second, func() bool { return h.Pending() == 0 && len(h.note(k.stem).Copies) == 1 })
	k.mustLie(t, h.o.Places[0])
	if again := s.sent() - before; again > 2*testPart+10_000 {
		t.Errorf("%d bytes were sent the second time, two parts were missing", again)
	}
}

// The answer to the last request of an upload is lost: the file is there, and not sent again.
func TestAnAnswerThatIsLost(t *testing.T) {
	for _, size := range []int{10_000, 2*testPart + 5} {
		s, dir := newStorage(t, false), t.TempDir()
		k := record(t, dir, begin, size)
		lost := 0
		s.set(func() {
			s.before = func(w http.ResponseWriter, r *http.Request) bool {
				last := r.Method == http.MethodPut && size < testPart || r.Method == http.MethodPost && strings.Contains(r.URL.RawQuery, "uploadId")
				if !last || !strings.HasSuffix(r.URL.Path, ".wav") {
					return false
				}
				if r.Method == http.MethodPut {
					b, _ := s.take(r.Body)
					r.Body = http.MaxBytesReader(nil, readCloser{bytes.NewReader(b)}, 1<<30)
				}
				s.inner.ServeHTTP(discard{http.Header{}}, r)
				lost++
				hangUp(w)
				return true
			}
		})
		h, clock := storm(t, s, dir, -1)
		h.Start()
		clock.until(t, time.Second, func() bool { return h.Pending() == 0 && len(h.note(k.stem).Copies) == 1 })
		k.mustLie(t, h.o.Places[0])
		if s.sent() != k.size() || lost != 1 {
			t.Errorf("%d bytes were sent for %d, %d answers lost", s.sent(), k.size(), lost)
		}
	}
}

type readCloser struct{ *bytes.Reader }

func (readCloser) Close() error { return nil }

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// Storage that lies is found, told, and sent the recording again; until it has it the sound stays.
func TestStorageThatLies(t *testing.T) {
	flip := func(b []byte) []byte {
		b = bytes.Clone(b)
		if len(b) > 0 {
			b[len(b)/2] ^= 0x10
		}
		return b
	}
	wrong := base64.StdEncoding.EncodeToString(make([]byte, 32))
	isSound := func(r *http.Request, method string) bool {
		return r.Method == method && strings.HasSuffix(r.URL.Path, ".wav") && r.URL.RawQuery == ""
	}
	for name, lie := range map[string]func(s *storage, r *http.Request, head http.Header, b []byte) ([]byte, bool){
		"it says another checksum of its own when asked": func(_ *storage, r *http.Request, head http.Header, b []byte) ([]byte, bool) {
			if isSound(r, http.MethodHead) && head.Get("Content-Length") != "" && head.Get("x-amz-meta-sha256") != "" {
				head.Set(shaHeader, wrong)
				return b, true
			}
			return b, false
		},
		"it says another checksum of its own when it is sent": func(_ *storage, r *http.Request, head http.Header, b []byte) ([]byte, bool) {
			if isSound(r, http.MethodPut) {
				head.Set(shaHeader, wrong)
				return b, true
			}
			return b, false
		},
		"it has forgotten ours and says another": func(_ *storage, r *http.Request, head http.Header, b []byte) ([]byte, bool) {
			if isSound(r, http.MethodHead) && head.Get("x-amz-meta-sha256") != "" {
				head.Set("x-amz-meta-sha256", strings.Repeat("0", 64))
				return b, true
			}
			return b, false
		},
		"it says the right checksum and keeps other bytes": func(s *storage, r *http.Request, _ http.Header, b []byte) ([]byte, bool) {
			if !isSound(r, http.MethodPut) {
				return b, false
			}
			return b, s.spoil(r, flip)
		},
		"it says the right checksum and keeps less": func(s *storage, r *http.Request, _ http.Header, b []byte) ([]byte, bool) {
			if !isSound(r, http.MethodPut) {
				return b, false
			}
			return b, s.spoil(r, func(b []byte) []byte { return b[:len(b)/2] })
		},
		"it gives back other bytes": func(_ *storage, r *http.Request, _ http.Header, b []byte) ([]byte, bool) {
			if isSound(r, http.MethodGet) && len(b) > 1000 {
				return flip(b), true
			}
			return b, false
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := newStorage(t, false), t.TempDir()
			k := record(t, dir, begin, 10_000)
			lies := 0
			s.set(func() {
				s.after = func(r *http.Request, head http.Header, b []byte) []byte {
					s.mu.Lock()
					defer s.mu.Unlock()
					if lies >= 3 {
						return b
					}
					b, lied := lie(s, r, head, b)
					if lied {
						lies++
					}
					return b
				}
			})
			h, clock := storm(t, s, dir, 0)
			h.Start()
			clock.until(t, 5*time.Second, func() bool {
				found := h.value("hotline_away_mismatches_total", "s3")
				if n := h.note(k.stem); found < 3 && (len(n.Copies) > 0 || !h.here(k.stem)) {
					t.Fatalf("after %v lies it is taken for away, here %v: %+v", found, h.here(k.stem), n)
				}
				return h.Pending() == 0 && !h.here(k.stem)
			})
			if found := h.value("hotline_away_mismatches_total", "s3"); found != 3 {
				t.Errorf("%v of 3 lies were found", found)
			}
			if n := h.logs.FilterLevelExact(zap.ErrorLevel).Len(); n != 3 {
				t.Errorf("%d of 3 lies were told", n)
			}
			if n := s.count("PUT", ".wav"); n != 4 {
				t.Errorf("it was sent %d times, 3 of them for nothing", n)
			}
			k.mustLie(t, h.o.Places[0])
		})
	}
}

// spoil changes what the storage has just taken, and leaves its checksums.
func (s *storage) spoil(r *http.Request, how func([]byte) []byte) bool {
	key := strings.TrimPrefix(r.URL.Path, "/"+bucket+"/")
	o, err := s.backend.GetObject(bucket, key, nil)
	if err != nil {
		return false
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(o.Contents); err != nil {
		return false
	}
	bad := how(b.Bytes())
	_, err = s.backend.PutObject(bucket, key, o.Metadata, bytes.NewReader(bad), int64(len(bad)), nil)
	return err == nil
}

// Storage that answers with errors, or in the middle of an answer stops.
func TestStorageThatIsIll(t *testing.T) {
	for name, ill := range map[string]func(s *storage){
		"500 to all":           func(s *storage) { s.status = 500 },
		"503 to all":           func(s *storage) { s.status = 503 },
		"403 to all":           func(s *storage) { s.status = 403 },
		"it takes no requests": func(s *storage) { s.down = true },
		"it stops in the middle of what it gives back": func(s *storage) {
			s.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, ".wav") {
					return false
				}
				w.Header().Set("Content-Length", "10000")
				w.Header().Set("Last-Modified", begin.Format(http.TimeFormat))
				w.WriteHeader(200)
				w.Write(make([]byte, 5000))
				panic(http.ErrAbortHandler)
			}
		},
		"it gives back less": func(s *storage) {
			s.before = func(w http.ResponseWriter, r *http.Request) bool {
				if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, ".wav") {
					return false
				}
				w.Header().Set("Last-Modified", begin.Format(http.TimeFormat))
				w.Write(make([]byte, 5000))
				return true
			}
		},
		"its certificate or name is of another": func(s *storage) {
			s.before = func(w http.ResponseWriter, _ *http.Request) bool {
				w.Write([]byte("<html>log in to the hotel's network"))
				return true
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s, dir := newStorage(t, false), t.TempDir()
			k := record(t, dir, begin, 10_000)
			s.set(func() { ill(s) })
			h, clock := storm(t, s, dir, 0)
			h.Start()
			clock.until(t, time.Second, func() bool { return h.value("hotline_away_failures_total", "s3") >= 3 })
			if !h.here(k.stem) || len(h.note(k.stem).Copies) > 0 || h.Pending() != 1 {
				t.Errorf("here %v, noted %+v", h.here(k.stem), h.note(k.stem))
			}
			s.set(func() { s.status, s.down, s.before = 0, false, nil })
			clock.until(t, time.Second, func() bool { return h.Pending() == 0 && !h.here(k.stem) })
			k.mustLie(t, h.o.Places[0])
		})
	}
}

// Playing from storage asks for the ranges that are read.
func TestPlayingFromStorage(t *testing.T) {
	s, dir := newStorage(t, false), t.TempDir()
	k := record(t, dir, begin, 3_000_000)
	h, clock := storm(t, s, dir, 0)
	h.Start()
	clock.until(t, time.Second, func() bool { return !h.here(k.stem) })
	var given int
	s.set(func() {
		s.after = func(r *http.Request, _ http.Header, b []byte) []byte {
			s.mu.Lock()
			defer s.mu.Unlock()
			if r.Method == http.MethodGet {
				given += len(b)
			}
			return b
		}
	})
	sound, err := h.Open(context.Background(), "recordings/"+k.stem+plainExt)
	if err != nil {
		t.Fatal(err)
	}
	defer sound.Close()
	if sound.Size != 3_000_000 || sound.Place != "s3" {
		t.Errorf("%d bytes at %s", sound.Size, sound.Place)
	}
	b := make([]byte, 1000)
	want := k.files[k.stem+plainExt]
	for _, at := range []int64{2_999_000, 0, 1_500_000} {
		if n, err := sound.ReadAt(b, at); err != nil || !bytes.Equal(b[:n], want[at:at+1000]) {
			t.Errorf("%d bytes from %d: %v", n, at, err)
		}
	}
	if given > 3_500 {
		t.Errorf("%d bytes were asked for to read 3000", given)
	}
	s.set(func() { s.down = true })
	if _, err := h.Open(context.Background(), k.stem); err == nil || !strings.Contains(err.Error(), "s3") {
		t.Errorf("storage is down: %v", err)
	}
}
