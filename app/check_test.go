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
	"slices"
	"strings"
	"testing"
	"time"

	"hotline/call"
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

// A clip that the file names anywhere and that a language lacks is told at its key, with what there is to do.
func TestEveryClipThatIsNamedIsThere(t *testing.T) {
	dir := t.TempDir()
	shortClips(t, dir, "own.rules") // in az and en
	f := config(t, dir, `surveys: {service: {intro: own.intro, ask: [{name: mark, clip: survey.q7, items: {1: survey.item.yess}}]}}
announcements: [{name: rules, clip: own.rules, from: 2026-12-01, to: 2026-12-31}]
`)
	f.Queues[0].Comfort = []string{"queue.thanks", "own.comfort"}
	f.Menus["rest"] = configs.Menu{
		Say:     []string{"docs.intro", "own.say"},
		Choose:  map[configs.Key]configs.Choice{'1': {Item: "menu.item.operatr"}, '2': {Item: "own.item"}},
		Digits:  configs.Digits{Ask: "own.ask"},
		Message: configs.Message{Intro: "vm.intr"},
	}
	f.Languages = []call.Language{"ru"} // one is enough to see which keys are looked at
	want := []string{
		"menus.rest.say[1]: there is no prompt own.say in ru, record " + dir + "/prompts/ru/own.say.wav, or name one of the catalogue",
		"menus.rest.choose.1.item: there is no prompt menu.item.operatr in ru, did you mean menu.item.operator? Else record ",
		"menus.rest.choose.2.item: there is no prompt own.item in ru",
		"menus.rest.digits.ask: there is no prompt own.ask in ru",
		"menus.rest.message.intro: there is no prompt vm.intr in ru, did you mean vm.intro?",
		"surveys.service.intro: there is no prompt own.intro in ru",
		"surveys.service.ask[0].clip: there is no prompt survey.q7 in ru, did you mean survey.q1?",
		"surveys.service.ask[0].items.1: there is no prompt survey.item.yess in ru, did you mean survey.item.yes?",
		"announcements[0].clip: there is no prompt own.rules in ru",
		"queues[0].comfort[1]: there is no prompt own.comfort in ru",
	}
	faults := Check(f)
	for i, fault := range faults {
		if i >= len(want) || !strings.Contains(fault.String(), want[i]) {
			t.Errorf("%d: %s", i, fault)
		}
	}
	if len(faults) != len(want) {
		t.Errorf("%d faults, want %d", len(faults), len(want))
	}

	f.Languages = []call.Language{"ru", "az", "en"}
	for _, lang := range f.Languages {
		said := func(f configs.Fault) bool {
			return strings.Contains(f.Problem, "no prompt own.comfort in "+string(lang))
		}
		if !slices.ContainsFunc(Check(f), said) {
			t.Errorf("a clip that is missing in %s is not told", lang)
		}
	}

	// Where the catalogue has words, they are told to whoever records the clip.
	if got, want := reading(map[call.Language]string{"az": "Salam.", "en": "Hello."}, "en", nil), `"Hello."`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	f.Languages, f.Menus = []call.Language{"az"}, map[string]configs.Menu{"main": {Say: []string{"number.and"}}}
	if got := Check(f)[0].Want; !strings.HasSuffix(got, "number.and.wav, which says what it does in another language") {
		t.Errorf("got %s", got)
	}
	f.Languages = []call.Language{"az", "en"}
	if got := Check(f)[0].Want; !strings.HasSuffix(got, `number.and.wav, which says in az what in en is "and,"`) {
		t.Errorf("got %s", got)
	}

	// Before the first start there is no folder, and the clips are missing all the same.
	f.Data = filepath.Join(dir, "none")
	if faults := Check(f); len(faults) == 0 || faults[0].Key != "menus.main.say[0]" {
		t.Errorf("no folder yet: %v", faults)
	}
}

// What is wrong with the way to the status system is told at its key, before a start.
func TestTheWayToTheStatusSystemIsChecked(t *testing.T) {
	cert, key := certificate(t, "good", time.Now().Add(time.Hour))
	_, otherKey := certificate(t, "other", time.Now().Add(time.Hour))
	for name, c := range map[string]struct{ status, key, says string }{
		"as it should be":                     {`{url: "https://register.example/status", ca: "` + cert + `", certificate: "` + cert + `", key: "` + key + `"}`, "", ""},
		"a password in the address":           {`{url: "https://me:hush@register.example/status"}`, "status.url", "status.token"},
		"a token of two words":                {`{url: "https://register.example/", token: "two words"}`, "status.token", "letters, digits"},
		"an authority for no TLS":             {`{url: "http://127.0.0.1:8099/", ca: "` + cert + `"}`, "status.url", "status.ca"},
		"an authority in a file that is none": {`{url: "https://register.example/", ca: "` + key + `"}`, "status.ca", "holds no certificate"},
		"a key that is another's":             {`{url: "https://register.example/", certificate: "` + cert + `", key: "` + otherKey + `"}`, "status.certificate", "belongs to it"},
	} {
		t.Run(name, func(t *testing.T) {
			faults := Check(config(t, t.TempDir(), "status: "+c.status))
			if c.key == "" {
				if len(faults) > 0 {
					t.Errorf("%v", faults)
				}
				return
			}
			if len(faults) != 1 || faults[0].Key != c.key || !strings.Contains(faults[0].String(), c.says) {
				t.Errorf("%v, want %s: %s", faults, c.key, c.says)
			}
		})
	}
}
