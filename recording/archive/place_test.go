package archive

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// Both places keep the same promises.
func TestPlaces(t *testing.T) {
	for name, make := range map[string]func(t *testing.T) Located{
		"folder":  func(t *testing.T) Located { return folderAt(t, t.TempDir()) },
		"storage": func(t *testing.T) Located { return newStorage(t, false).place(t) },
	} {
		t.Run(name, func(t *testing.T) {
			p := make(t)
			ctx := context.Background()
			const one = "2026/12/05/0190-a.wav"
			if _, err := p.Stat(ctx, one); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("stat of nothing: %v", err)
			}
			if _, err := p.Get(ctx, one); !errors.Is(err, fs.ErrNotExist) {
				t.Fatalf("get of nothing: %v", err)
			}
			if err := p.Delete(ctx, one); err != nil {
				t.Fatalf("delete of nothing: %v", err)
			}
			for _, size := range []int{0, 1, 300, testPart, testPart + 1} {
				want := noise(size)
				var sent int64
				if err := p.Put(ctx, one, source(want, &sent)); err != nil {
					t.Fatalf("put %d bytes: %v", size, err)
				}
				if sent != int64(size) {
					t.Errorf("%d bytes were sent of %d", sent, size)
				}
				o, err := p.Stat(ctx, one)
				if err != nil || o.Size != int64(size) || o.SHA256 != "" && o.SHA256 != hexSum(want) {
					t.Errorf("stat of %d bytes: %+v %v", size, o, err)
				}
				r, err := p.Get(ctx, one)
				if err != nil {
					t.Fatal(err)
				}
				if size <= 300 { // reads it in many small ways
					if err := iotest.TestReader(r, want); err != nil {
						t.Error(err)
					}
				}
				if size > 3000 {
					b := [1000]byte{}
					if _, err := r.ReadAt(b[:], int64(size)-1000); err != nil || !bytes.Equal(b[:], want[size-1000:]) {
						t.Errorf("the last 1000 bytes: %v", err)
					}
					if _, err := r.Seek(1234, io.SeekStart); err != nil {
						t.Error(err)
					}
					if n, err := io.ReadFull(r, b[:]); err != nil || !bytes.Equal(b[:n], want[1234:2234]) {
						t.Errorf("1000 bytes from 1234: %v", err)
					}
				}
				r.Close()
				if got, err := fetch(p, one); err != nil || !bytes.Equal(got, want) {
					t.Errorf("%d bytes came back as %d: %v", size, len(got), err)
				}
				if err := p.Delete(ctx, one); err != nil { // Quirk: gofakes3 keeps the old metadata of what is replaced
					t.Fatal(err)
				}
			}
			var sent int64
			for _, other := range []string{one, "2026/12/05/0190-a.json", "2026/12/05/0190-ab.wav", "2026/12/06/0190-a.wav"} {
				if err := p.Put(ctx, other, source([]byte(other), &sent)); err != nil {
					t.Fatal(err)
				}
			}
			if got := all(t, p, "2026/12/05/0190-a."); len(got) != 2 {
				t.Errorf("under the prefix lie %v", got)
			}
			if err := p.Delete(ctx, "2026/12/05/0190-a."); err != nil {
				t.Fatal(err)
			}
			got := all(t, p, "")
			if len(got) != 2 || got["2026/12/05/0190-ab.wav"] == 0 || got["2026/12/06/0190-a.wav"] == 0 {
				t.Errorf("after a delete lie %v", got)
			}
		})
	}
}

// A file that was cut off is gone on with, and not sent again.
func TestFolderGoesOn(t *testing.T) {
	dir := t.TempDir()
	p := folderAt(t, dir)
	want := noise(1 << 20)
	ctx, cancel := context.WithCancel(context.Background())
	var sent int64
	s := source(want, &sent)
	s.Meter = func(r io.Reader) io.Reader {
		return readerFunc(func(b []byte) (int, error) {
			if sent >= 600_000 {
				cancel()
			}
			return countReader{r, &sent}.Read(b)
		})
	}
	if err := p.Put(ctx, "2026/12/05/a.wav", s); !errors.Is(err, context.Canceled) {
		t.Fatalf("cut off: %v", err)
	}
	first := sent
	if _, err := p.Stat(context.Background(), "2026/12/05/a.wav"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("half a file lies under its name: %v", err)
	}
	s = source(want, &sent)
	if err := p.Put(context.Background(), "2026/12/05/a.wav", s); err != nil {
		t.Fatal(err)
	}
	if sent > int64(len(want))+chunk || first < 600_000 {
		t.Errorf("%d bytes were sent of %d, the first time %d", sent, len(want), first)
	}
	if got, err := fetch(p, "2026/12/05/a.wav"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("it came back as %d bytes: %v", len(got), err)
	}
	// What an earlier upload of something else has left is not believed.
	if err := os.WriteFile(filepath.Join(dir, "2026/12/05/b.wav.part"), noise(5000), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := p.Put(context.Background(), "2026/12/05/b.wav", source(want, &sent)); err != nil {
		t.Fatal(err)
	}
	if got, err := fetch(p, "2026/12/05/b.wav"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("it came back as %d bytes: %v", len(got), err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// A mount that is not there leaves an empty folder: nothing is put into it.
func TestFolderThatIsNotMounted(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mnt")
	recordings := t.TempDir()
	open := func() Located { return must(OpenFolder(recordings, dir)) }
	var sent int64
	put := func() error { return open().Put(context.Background(), "2026/12/05/a.wav", source([]byte("a"), &sent)) }
	if err := put(); err == nil {
		t.Error("a folder that is not there was used")
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := put(); err != nil {
		t.Fatalf("the first use: %v", err)
	}
	if err := os.Rename(dir, dir+"-away"); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := put(); err == nil || !strings.Contains(err.Error(), "mounted") {
		t.Errorf("an empty folder in the mount's place was used: %v", err)
	}
	if _, err := open().Stat(context.Background(), "2026/12/05/a.wav"); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what a mount has that is not there is not known: %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("it left %v", left)
	}
	if err := os.WriteFile(filepath.Join(dir, markName), []byte("ANOTHER\n"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := put(); err == nil || !strings.Contains(err.Error(), "another one") {
		t.Errorf("another archive in the mount's place was used: %v", err)
	}
	os.RemoveAll(dir)
	if err := os.Rename(dir+"-away", dir); err != nil {
		t.Fatal(err)
	}
	if err := put(); err != nil {
		t.Errorf("it is mounted again: %v", err)
	}
}

// A day that goes while a place is listed hides no day behind it.
func TestFolderListsOnWhereADayGoes(t *testing.T) {
	dir := t.TempDir()
	p := folderAt(t, dir)
	var sent int64
	for _, name := range []string{"05/a.wav", "06/b.wav", "07/c.wav"} {
		if err := p.Put(context.Background(), name, source([]byte("a"), &sent)); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for o, err := range p.List(context.Background(), "") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, o.Name)
		if err := os.RemoveAll(filepath.Join(dir, "06")); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"05/a.wav", "07/c.wav"}; !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
}

// The parts that storage has are not sent again.
func TestStorageGoesOn(t *testing.T) {
	s := newStorage(t, false)
	p := s.place(t)
	const parts, last = 4, 77_777
	want := noise(parts*testPart + last)
	var sent int64
	s.set(func() { s.dieAfter = 2*testPart + testPart/2 })
	if err := p.Put(context.Background(), "2026/12/05/a.wav", source(want, &sent)); err == nil {
		t.Fatal("a server that died took it")
	}
	s.set(func() { s.down = false })
	if _, err := p.Stat(context.Background(), "2026/12/05/a.wav"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("half a file lies under its name: %v", err)
	}
	before := s.sent()
	if err := p.Put(context.Background(), "2026/12/05/a.wav", source(want, &sent)); err != nil {
		t.Fatal(err)
	}
	if again := s.sent() - before; again != (parts-2)*testPart+last {
		t.Errorf("%d bytes were sent the second time, two of four parts and the rest are %d", again, (parts-2)*testPart+last)
	}
	if got, err := fetch(p, "2026/12/05/a.wav"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("it came back as %d bytes: %v", len(got), err)
	}
	if n := s.count("POST", "uploads"); n != 1 {
		t.Errorf("%d uploads were begun", n)
	}
	// Parts of something else under the same name are sent anew.
	s.set(func() { s.dieAfter = 3 * testPart })
	other := noise(4 * testPart)
	if err := p.Put(context.Background(), "2026/12/05/b.wav", source(other, &sent)); err == nil {
		t.Fatal("a server that died took it")
	}
	s.set(func() { s.down = false })
	if err := p.Put(context.Background(), "2026/12/05/b.wav", source(want, &sent)); err != nil {
		t.Fatal(err)
	}
	if got, err := fetch(p, "2026/12/05/b.wav"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("it came back as %d bytes: %v", len(got), err)
	}
	// And a delete leaves nothing of an unfinished one.
	s.set(func() { s.dieAfter = 3 * testPart })
	if err := p.Put(context.Background(), "2026/12/05/c.wav", source(other, &sent)); err == nil {
		t.Fatal("a server that died took it")
	}
	s.set(func() { s.down = false })
	if err := p.Delete(context.Background(), "2026/12/05/c."); err != nil {
		t.Fatal(err)
	}
	if left := p.Place.(*S3).uploads(context.Background(), "", func(key, _ string) error { return errors.New(key) }); len(left) > 0 {
		t.Errorf("unfinished uploads are left: %v", left)
	}
}

// TLS with the deployer's own CA, and with none that knows the server.
func TestStorageOverTLS(t *testing.T) {
	s := newStorage(t, true)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(ca, cert, 0o644); err != nil {
		t.Fatal(err)
	}
	o := s.options()
	o.CA = ca
	var sent int64
	want := noise(partSize + 5)
	if err := must(NewS3(o)).Put(context.Background(), "a.wav", source(want, &sent)); err != nil {
		t.Fatal(err)
	}
	if got, err := fetch(must(NewS3(o)), "a.wav"); err != nil || !bytes.Equal(got, want) {
		t.Errorf("it came back as %d bytes: %v", len(got), err)
	}
	if err := must(NewS3(s.options())).Put(context.Background(), "b.wav", source(want, &sent)); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server that no CA of the system knows was trusted: %v", err)
	}
	o.CA = filepath.Join(t.TempDir(), "none.pem")
	if _, err := NewS3(o); err == nil {
		t.Error("a CA that is not there was taken")
	}
}
