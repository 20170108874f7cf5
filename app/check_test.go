package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"hotline/configs"
)

// certificate writes a certificate that signs itself and its key, and gives their paths.
func certificate(t *testing.T, name string, until time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: until.Add(-time.Hour), NotAfter: until}
	raw, err := x509.CreateCertificate(rand.Reader, about, about, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	body, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: raw}, key: {Type: "EC PRIVATE KEY", Bytes: body}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// Certificates are read by `check` and before a reload takes anything.
func TestCertificatesAreChecked(t *testing.T) {
	good, goodKey := certificate(t, "good", time.Now().Add(time.Hour))
	_, otherKey := certificate(t, "other", time.Now().Add(time.Hour))
	old, oldKey := certificate(t, "old", time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC))
	dir := t.TempDir()
	path := filepath.Join(dir, "hotline.yaml")
	with := func(tls, carrier string) *configs.File {
		t.Helper()
		body := strings.Replace(text(dir), "from: [127.0.0.0/8]", "from: [127.0.0.0/8]"+carrier, 1)
		body = strings.Replace(body, "  trunks:", "  trunks:\n    "+tls, 1)
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := configs.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	pair := func(cert, key string) string { return fmt.Sprintf("tls: {certificate: %s, key: %s}", cert, key) }
	a := startApp(t, Options{File: with(pair(good, goodKey), ""), Path: path})
	defer a.Close()
	for _, c := range []struct{ name, tls, carrier, key, want string }{
		{"good", pair(good, goodKey), ", tls: {ca: " + good + "}", "", ""},
		{"the key of another", pair(good, otherKey), "", "sip.trunks.tls", "private key does not match"},
		{"not there", pair(good+"x", goodKey), "", "sip.trunks.tls", "no such file"},
		{"too old", pair(old, oldKey), "", "sip.trunks.tls", "ended on 2025-06-01"},
		{"a carrier's authority that is a key", pair(good, goodKey), ", tls: {ca: " + goodKey + "}", "sip.trunks.carriers[0].tls.ca", "holds no certificate"},
	} {
		faults := Check(with(c.tls, c.carrier))
		err := a.Reload()
		if c.want == "" {
			if len(faults) > 0 || err != nil {
				t.Errorf("%s: %v, reload: %v", c.name, faults, err)
			}
			continue
		}
		if len(faults) != 1 || faults[0].Key != c.key || !strings.Contains(faults[0].String(), c.want) {
			t.Errorf("%s: %v, want %q at %s", c.name, faults, c.want, c.key)
		}
		if !IsBadFile(err) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: reload says %v", c.name, err)
		}
	}
}
