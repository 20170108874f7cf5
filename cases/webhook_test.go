package cases

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// verified checks a signature as a receiver should.
func verified(r *http.Request, secret string, body []byte) bool {
	at, sum, ok := strings.Cut(strings.TrimPrefix(r.Header.Get("X-Hotline-Signature"), "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(at + "." + string(body)))
	unix, err := strconv.ParseInt(at, 10, 64)
	return ok && err == nil && time.Since(time.Unix(unix, 0)).Abs() < time.Minute && hex.EncodeToString(mac.Sum(nil)) == sum
}

func TestASignatureIsThatOfTheManual(t *testing.T) {
	// printf '1764057600.{}' | openssl dgst -sha256 -hmac secret
	const want = "t=1764057600,v1=3fed7f1208a5ac74d9ef72ae3d1b21d8c90ededdab842eb369eb0e952dc392f0"
	if got := Sign("secret", time.Unix(1764057600, 0), []byte("{}")); got != want {
		t.Errorf("signature %s", got)
	}
}

func TestAWebhookIsSignedAndTellsTheCase(t *testing.T) {
	var (
		mu    sync.Mutex
		got   []Notice
		keys  []string
		valid = true
	)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var n Notice
		mu.Lock()
		defer mu.Unlock()
		valid = valid && verified(r, "a long secret", body) && json.Unmarshal(body, &n) == nil
		got, keys = append(got, n), append(keys, r.Header.Get("Idempotency-Key"))
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	c := newCourier(t, CourierOptions{Outbox: newMemory(), Rules: twoUnits})
	defer c.client.CloseIdleConnections()
	p := aParcel(Mail{})
	for _, percent := range []int{0, 80} {
		p.Percent = percent
		if err := c.post(t.Context(), Receiver{Webhook: server.URL, Secret: "a long secret"}, p); err != nil {
			t.Fatal(err)
		}
	}
	if !valid || keys[0] != "0190-m1" {
		t.Errorf("valid %v, keys %v", valid, keys)
	}
	want := Notice{Key: "0190-m1", Kind: "case", Case: Told{
		ID: "0190-m1", Number: "2026-000012", Unit: "a", Matter: "complaint", Topic: "stay", Language: "ru", From: "+994500001122",
		Opened: "2026-11-25T10:15:00+04:00", Due: "2026-12-16T18:00:00+04:00", Recording: "messages/m1.wav", LengthMS: 83_000,
	}}
	if got[0] != want {
		t.Errorf("told %+v\nwant %+v", got[0], want)
	}
	if got[1].Kind != "reminder" || got[1].Percent != 80 {
		t.Errorf("reminded %+v", got[1])
	}
}

func TestAWebhookInTrouble(t *testing.T) {
	over := make(chan struct{})
	elsewhere := false
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case "/hangs":
			<-over
		case "/cuts":
			panic(http.ErrAbortHandler)
		case "/away":
			elsewhere = true
		case "/moved":
			http.Redirect(w, r, "/away", http.StatusTemporaryRedirect)
		default:
			code, _ := strconv.Atoi(r.URL.Path[1:])
			w.WriteHeader(code)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(handler))
	defer server.Close()
	secure := httptest.NewTLSServer(http.HandlerFunc(handler))
	secure.Config.ErrorLog = nil
	defer secure.Close()
	defer close(over)
	c := newCourier(t, CourierOptions{Outbox: newMemory(), Rules: twoUnits, Patience: 200 * time.Millisecond})
	defer c.client.CloseIdleConnections()
	for url, want := range map[string]string{
		server.URL + "/204":       "",
		server.URL + "/200":       "",
		server.URL + "/500":       "busy",
		server.URL + "/429":       "busy",
		server.URL + "/401":       "auth",
		server.URL + "/404":       "rejected",
		server.URL + "/moved":     "rejected",
		server.URL + "/hangs":     "timeout",
		server.URL + "/cuts":      "cut",
		secure.URL + "/200":       "tls", // nobody vouches for it
		"http://127.0.0.1:1/":     "connect",
		"http://127.0.0.1:port/x": "gone",
	} {
		err := c.post(t.Context(), Receiver{Webhook: url, Secret: "s"}, aParcel(Mail{}))
		if (want == "") != (err == nil) || err != nil && class(err) != want {
			t.Errorf("%s: class %q of %v, want %q", url, class(err), err, want)
		}
	}
	if elsewhere {
		t.Error("the case was carried to where the receiver pointed")
	}
}
