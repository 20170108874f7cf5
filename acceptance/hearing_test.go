//go:build acceptance

package acceptance

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Who hears a recording is written down first, and the admin cannot. What is taken away is the same sound, as sox
// reads it; the log of accesses is what openssl and sha256sum say it is.
func TestWhoHearsARecording(t *testing.T) {
	s := newServer(t)
	for name, role := range map[string]string{"rena": "chief", "sara": "supervisor", "aydin": "admin"} {
		if out, code := s.command("correct horse battery\n", "user", "add", name, "--role", role); code != 0 {
			t.Fatal(out)
		}
	}
	s.start()
	s.greeted()
	s.sealed(1)
	r := s.lastRecord()
	original, err := os.ReadFile(s.sound(r))
	if err != nil {
		t.Fatal(err)
	}
	const why = "a citizen has complained"
	taken := filepath.Join(t.TempDir(), "taken.wav")
	if out, code := s.command("", "recording", "export", r.ID, taken, "--by", "aydin", "--why", why); code != 1 {
		t.Errorf("the admin took it: exit %d: %s", code, out)
	}
	if _, err := os.Stat(taken); err == nil {
		t.Error("a refused export left a file")
	}
	for _, with := range []string{"a running server", "no server"} {
		if with == "no server" {
			s.stop()
		}
		if out, code := s.command("", "recording", "play", r.ID[:20], "--by", "rena", "--why", why); code != 0 || out != string(original) {
			t.Errorf("with %s: played %d bytes of %d, exit %d", with, len(out), len(original), code)
		}
		if out, code := s.command("", "recording", "play", r.ID, "--by", "rena", "--why", "because"); code != 1 || out != "" {
			t.Errorf("with %s: without a reason: exit %d, %d bytes", with, code, len(out))
		}
		if out, code := s.command("", "recording", "export", r.ID, taken, "--by", "sara", "--why", why); code != 0 {
			t.Fatalf("with %s: exit %d: %s", with, code, out)
		}
		read, err := soxReads(t, taken)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasSuffix(original, read) || len(read) < len(original)-100 {
			t.Errorf("with %s: sox reads %d bytes of sound, the recording has %d", with, len(read), len(original))
		}
		if _, code := s.command("", "recording", "export", r.ID, taken, "--by", "sara", "--why", why); code != 2 {
			t.Errorf("with %s: a file was written over: exit %d", with, code)
		}
		if err := os.Remove(taken); err != nil {
			t.Fatal(err)
		}
	}
	accesses := ask[struct {
		Accesses []struct{ Who, Role, From, Do, Call, Why, Refused string }
	}](s, "recording", "access", "--call", r.ID).Accesses
	if len(accesses) != 7 {
		t.Fatalf("written down: %+v", accesses)
	}
	if e := accesses[0]; e.Who != "aydin" || e.Role != "admin" || e.Do != "export" || e.Call != r.ID || e.Why != why || !strings.Contains(e.Refused, "cannot hear") || !strings.HasPrefix(e.From, "console, uid ") {
		t.Errorf("the admin's line: %+v", e)
	}
	if out, code := s.command("", "recording", "access", "verify"); code != 0 {
		t.Errorf("verify: exit %d: %s", code, out)
	}
	log := filepath.Join(s.data(), "access", "access.jsonl")
	s.linesAreSigned(log)
	change(t, log, func(b []byte) []byte { return bytes.Replace(b, []byte("aydin"), []byte("nobdy"), 1) })
	if out, code := s.command("", "recording", "access", "verify"); code != 1 || !strings.Contains(out, "line 1") {
		t.Errorf("verify of a changed line: exit %d: %s", code, out)
	}
}

// linesAreSigned checks each line of a log by openssl, with nothing of ours.
func (s *server) linesAreSigned(file string) {
	s.t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	dir := s.t.TempDir()
	key := filepath.Join(s.data(), "keys", "evidence.pem")
	for i, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
		end := bytes.LastIndex(line, []byte(`,"digest":"`))
		if end < 0 {
			s.t.Fatalf("line %d has no digest", i+1)
		}
		body := append(line[:end:end], '}')
		var link struct{ Digest, Signature string }
		if err := json.Unmarshal(line, &link); err != nil {
			s.t.Fatal(err)
		}
		sum := sha256.Sum256(body)
		signature, err := base64.StdEncoding.DecodeString(link.Signature)
		if err != nil || link.Digest != hex.EncodeToString(sum[:]) {
			s.t.Errorf("line %d: digest %s, want %x; %v", i+1, link.Digest, sum, err)
		}
		for name, text := range map[string][]byte{"body": body, "signature": signature} {
			if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
				s.t.Fatal(err)
			}
		}
		out, err := exec.Command("openssl", "pkeyutl", "-verify", "-inkey", key, "-rawin", "-in", filepath.Join(dir, "body"), "-sigfile", filepath.Join(dir, "signature")).CombinedOutput()
		if err != nil {
			s.t.Errorf("line %d: openssl: %v: %s", i+1, err, out)
		}
	}
}
