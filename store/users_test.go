package store

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
)

func aysel() User {
	return User{Name: "aysel", Role: "operator", Languages: []call.Language{"az", "ru"}, Queues: []string{"general"}}
}

func TestUsers(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	must(t, s.AddUser(ctx, aysel(), "one"))
	must(t, s.AddUser(ctx, User{Name: "admin", Role: "admin"}, "two"))
	if err := s.AddUser(ctx, aysel(), "three"); !errors.Is(err, ErrExists) {
		t.Errorf("the same name again: %v", err)
	}
	users, err := s.Users(ctx)
	must(t, err)
	if len(users) != 2 || users[0].Name != "admin" || users[1].Name != "aysel" || users[1].Phone ||
		users[1].Languages[1] != "ru" || users[1].Queues[0] != "general" || time.Since(users[1].Created) > time.Minute {
		t.Errorf("users: %+v", users)
	}
	if _, ok, err := s.CheckPassword(ctx, "aysel", "one"); !ok || err != nil {
		t.Errorf("the right password: %v, %v", ok, err)
	}
	for name, password := range map[string]string{"aysel": "two", "nobody": "one", "admin": ""} {
		if _, ok, err := s.CheckPassword(ctx, name, password); ok || err != nil {
			t.Errorf("%s with %q: %v, %v", name, password, ok, err)
		}
	}
	for _, on := range []bool{true, false} {
		must(t, s.SetAutoAnswer(ctx, "aysel", on))
		if users, err = s.Users(ctx); err != nil || users[1].AutoAnswer != on || users[0].AutoAnswer {
			t.Errorf("auto answer set to %v: %+v, %v", on, users, err)
		}
	}
	must(t, s.SetPassword(ctx, "aysel", "four"))
	if _, ok, _ := s.CheckPassword(ctx, "aysel", "one"); ok {
		t.Error("the old password is good")
	}
	must(t, s.DisableUser(ctx, "aysel"))
	if _, ok, _ := s.CheckPassword(ctx, "aysel", "four"); ok {
		t.Error("a disabled user may log in")
	}
	for _, err := range []error{s.SetPassword(ctx, "nobody", "x"), s.DisableUser(ctx, "nobody"), s.SetAutoAnswer(ctx, "nobody", true), s.SetSIPSecret(ctx, "nobody", "r", "x")} {
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("an unknown user: %v", err)
		}
	}
}

func TestUsersThatCannotBe(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	for want, change := range map[string]func(*User){
		"name":      func(u *User) { u.Name = "Aysel" },
		"1 to 32":   func(u *User) { u.Name = strings.Repeat("a", 33) },
		"hyphen":    func(u *User) { u.Name = "a@b" },
		"role":      func(u *User) { u.Role = "boss" },
		"language":  func(u *User) { u.Languages = []call.Language{"aze"} },
		"languages": func(u *User) { u.Languages = nil },
		"queues":    func(u *User) { u.Queues = []string{""} },
	} {
		u := aysel()
		change(&u)
		if err := s.AddUser(ctx, u, "x"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want a word of %q, got %v", want, err)
		}
	}
	if err := s.AddUser(ctx, aysel(), ""); err == nil {
		t.Error("no password is one")
	}
}

func TestHA1(t *testing.T) {
	ctx := context.Background()
	s := openIn(t, t.TempDir())
	must(t, s.AddUser(ctx, aysel(), "x"))
	if _, ok := s.HA1("aysel", "hotline", "MD5"); ok {
		t.Error("a user without a phone has a secret")
	}
	secret, err := s.MakePhone(ctx, "aysel", "hotline")
	must(t, err)
	if len(secret) < 26 {
		t.Errorf("a secret of %d characters has no 128 bits", len(secret))
	}
	m, h := md5.Sum([]byte("aysel:hotline:"+secret)), sha256.Sum256([]byte("aysel:hotline:"+secret))
	for range 2 { // from the table, from memory
		for alg, want := range map[string]string{"MD5": hex.EncodeToString(m[:]), "SHA-256": hex.EncodeToString(h[:])} {
			if got, ok := s.HA1("aysel", "hotline", alg); !ok || got != want {
				t.Errorf("%s: %q, %v", alg, got, ok)
			}
		}
	}
	for _, k := range []ha1Key{{"nobody", "hotline", "MD5"}, {"aysel", "elsewhere", "MD5"}, {"aysel", "hotline", "SHA-1"}} {
		if _, ok := s.HA1(k.user, k.realm, k.algorithm); ok {
			t.Errorf("%v has a secret", k)
		}
	}
	must(t, s.DisableUser(ctx, "aysel"))
	if _, ok := s.HA1("aysel", "hotline", "MD5"); ok {
		t.Error("a disabled user's phone may register")
	}
}

func TestAChangeByAnotherProcessIsSeen(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openIn(t, dir)
	must(t, s.AddUser(ctx, aysel(), "x"))
	must(t, s.SetSIPSecret(ctx, "aysel", "hotline", "a secret of a phone"))
	if _, ok := s.HA1("aysel", "hotline", "MD5"); !ok {
		t.Fatal("no secret")
	}
	other, err := openSQL(filepath.Join(dir, "hotline.db"), "busy_timeout(2000)")
	must(t, err)
	defer other.Close()
	_, err = other.Exec(`UPDATE users SET disabled = 1; UPDATE marks SET value = value + 1 WHERE name = 'users'`)
	must(t, err)
	s.ha1s.mu.Lock()
	s.ha1s.checked = time.Now().Add(-ha1Check) // a second later
	s.ha1s.mu.Unlock()
	if _, ok := s.HA1("aysel", "hotline", "MD5"); ok {
		t.Error("the change is not seen")
	}
}

func TestNoSIPSecretInTheFolder(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openIn(t, dir)
	must(t, s.AddUser(ctx, aysel(), "password-of-aysel"))
	made, err := s.MakePhone(ctx, "aysel", "hotline")
	must(t, err)
	must(t, s.AddUser(ctx, User{Name: "b", Role: "admin"}, "password-of-b"))
	must(t, s.SetSIPSecret(ctx, "b", "hotline", "an-imported-secret"))
	must(t, s.Bindings().Save(call.Binding{User: "aysel", Contact: "sip:aysel@192.0.2.1"}))
	must(t, s.Flush(ctx))
	var forbidden []string
	for user, secret := range map[string]string{"aysel": made, "b": "an-imported-secret"} {
		m, h := md5.Sum([]byte(user+":hotline:"+secret)), sha256.Sum256([]byte(user+":hotline:"+secret))
		forbidden = append(forbidden, secret, "password-of-"+user, string(m[:]), string(h[:]))
	}
	for _, f := range forbidden {
		forbidden = append(forbidden, hex.EncodeToString([]byte(f)), strings.ToUpper(hex.EncodeToString([]byte(f))))
	}
	look := func() {
		t.Helper()
		must(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			for _, f := range forbidden {
				if bytes.Contains(b, []byte(f)) {
					t.Errorf("%s has a secret in it", filepath.Base(path))
				}
			}
			return err
		}))
	}
	look() // with the WAL
	must(t, s.Close())
	look()
	for path, want := range map[string]os.FileMode{"hotline.db": 0o600, "keys": 0o700, "keys/seal.key": 0o600, "spool": 0o700} {
		st, err := os.Stat(filepath.Join(dir, path))
		must(t, err)
		if st.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", path, st.Mode().Perm(), want)
		}
	}
}

func TestASealOpensOnlyInItsPlace(t *testing.T) {
	dir := t.TempDir()
	s, err := openSealer(filepath.Join(dir, "keys"))
	must(t, err)
	sealed, err := s.seal([]byte("secret"), "a")
	must(t, err)
	again, err := openSealer(filepath.Join(dir, "keys"))
	must(t, err)
	if got, err := again.open(sealed, "a"); err != nil || string(got) != "secret" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := again.open(sealed, "b"); err == nil {
		t.Error("it opens in another place")
	}
	must(t, os.Chmod(s.path, 0o640))
	if _, err := openSealer(filepath.Join(dir, "keys")); err == nil {
		t.Error("a key that others can read is used")
	}
}

func TestALostKeyIsSaid(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	s := openIn(t, dir)
	must(t, s.AddUser(ctx, aysel(), "x"))
	must(t, s.SetSIPSecret(ctx, "aysel", "hotline", "y"))
	must(t, s.Close())
	must(t, os.Remove(filepath.Join(dir, "keys", "seal.key")))
	_, err := Open(Options{Dir: dir, Log: zap.NewNop(), Metrics: prometheus.NewRegistry()})
	if err == nil || !strings.Contains(err.Error(), "seal.key") {
		t.Fatalf("got %v", err)
	}
}

func TestTheFolderHasOneOwner(t *testing.T) {
	dir := t.TempDir()
	l, err := Lock(dir)
	must(t, err)
	_, err = Lock(dir)
	var locked *LockedError
	if !errors.As(err, &locked) || locked.PID != os.Getpid() {
		t.Fatalf("got %v", err)
	}
	must(t, l.Unlock())
	l, err = Lock(dir)
	must(t, err)
	must(t, l.Unlock())
}
