package archive

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// foreign starts s3rver (npm), which shares no code with us nor with the client that we use, knows
// one account, and neither versions nor lists of uploads. It gives its folder.
func foreign(t *testing.T) (host, folder string) {
	t.Helper()
	program, err := exec.LookPath("s3rver")
	if err != nil {
		t.Fatal("s3rver is missing; scripts/npm.sh s3rver@3.7.1 installs it")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	folder = t.TempDir()
	var out bytes.Buffer
	cmd := exec.Command(program, "-d", folder, "-a", "127.0.0.1", "-p", strconv.Itoa(port), "--configure-bucket", bucket)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	host = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for end := time.Now().Add(30 * time.Second); ; {
		conn, err := net.Dial("tcp", host)
		if err == nil {
			conn.Close()
			return host, folder
		}
		if time.Now().After(end) {
			t.Fatalf("s3rver does not answer: %v\n%s", err, out.Bytes())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// What a foreign server keeps on its own disk is what was recorded, to the byte.
func TestForeignStorage(t *testing.T) {
	host, folder := foreign(t)
	o := S3Options{Endpoint: host, Bucket: bucket, Prefix: "a/b/", Region: "us-east-1", AccessKey: "S3RVER", SecretKey: "S3RVER", Insecure: true}
	p := must(OpenS3(o))
	dir, clock := t.TempDir(), newHandClock(begin)
	long, short, erased := record(t, dir, begin, 2*partSize+777), record(t, dir, begin, 5000, sealedExt, ".key"), record(t, dir, begin, 5000)
	h := newHouse(t, dir, Options{Places: []Located{p}, KeepLocal: 0, Clock: clock})
	h.Start()
	clock.until(t, time.Second, func() bool { return h.Pending() == 0 && !h.here(long.stem) && !Local(h.root, short.stem) })
	for _, k := range []take{long, short, erased} {
		k.mustLie(t, p)
		for name, want := range k.files {
			got, err := os.ReadFile(filepath.Join(folder, bucket, "a/b", name+"._S3rver_object"))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("on its disk %s has %d bytes of %d: %v", name, len(got), len(want), err)
			}
		}
	}
	if r, err := h.Verify(context.Background(), nil); err != nil || r.Checked != 3 || len(r.Faults) != 0 {
		t.Errorf("verify: %+v %v", r, err)
	}
	if err := h.Erase(context.Background(), erased.stem); err != nil {
		t.Errorf("erase: %v", err)
	}
	left, err := filepath.Glob(filepath.Join(folder, bucket, "a/b", erased.stem+"*"))
	if err != nil || len(left) != 0 {
		t.Errorf("on its disk are left %v, %v", left, err)
	}
	o.AccessKey = "another"
	var sent int64
	if err := must(OpenS3(o)).Put(context.Background(), "x", source([]byte("x"), &sent)); err == nil {
		t.Error("another account was taken")
	}
}
