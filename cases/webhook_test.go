package cases

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
	l, of := aLetter()
	for range 2 {
		if err := NewWebhook(time.Now).Carry(t.Context(), Receiver{Webhook: server.URL, Secret: "a long secret"}, l, of); err != nil {
			t.Fatal(err)
		}
	}
	if !valid || keys[0] != "0190-m1/forward" || keys[1] != keys[0] {
		t.Errorf("valid %v, keys %v", valid, keys)
	}
	want := Notice{
		Key: "0190-m1/forward", Kind: "forward", Number: "2026-000012", Matter: "complaint", Topic: "stay", Language: "ru", From: "+994500001122",
		Opened: "2026-11-25T06:15:00Z", Due: "2026-12-16T19:59:59Z", Recording: "messages/m1.wav", LengthMS: 83_000,
	}
	if got[0] != want {
		t.Errorf("told %+v\nwant %+v", got[0], want)
	}
}

func TestAWebhookInTrouble(t *testing.T) {
	over := make(chan struct{})
	var elsewhere atomic.Bool
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		switch r.URL.Path {
		case "/hangs":
			<-over
		case "/drips": // a byte now and then
			for {
				_, _ = w.Write([]byte("x"))
				_ = http.NewResponseController(w).Flush()
				select {
				case <-over:
					return
				case <-r.Context().Done():
					return
				case <-time.After(20 * time.Millisecond):
				}
			}
		case "/cuts":
			panic(http.ErrAbortHandler)
		case "/away":
			elsewhere.Store(true)
		case "/moved":
			http.Redirect(w, r, "/away", http.StatusTemporaryRedirect)
		default:
			code, _ := strconv.Atoi(r.URL.Path[1:])
			w.WriteHeader(code)
		}
	}
	server := httptest.NewServer(http.HandlerFunc(handler))
	defer server.Close()
	secure := httptest.NewUnstartedServer(http.HandlerFunc(handler))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	defer close(over)
	for url, want := range map[string]string{
		server.URL + "/204":       "",
		server.URL + "/200":       "",
		server.URL + "/drips":     "", // it has said 200: what comes after it does not matter
		server.URL + "/500":       "refused",
		server.URL + "/429":       "refused",
		server.URL + "/401":       "refused",
		server.URL + "/moved":     "refused",
		server.URL + "/hangs":     "slow",
		server.URL + "/cuts":      "unreachable",
		secure.URL + "/200":       "unreachable", // nobody vouches for it
		"http://127.0.0.1:1/":     "unreachable",
		"http://127.0.0.1:port/x": "unreachable",
	} {
		within := carryTime // a busy machine must not look like a receiver that hangs
		if want == "slow" || strings.HasSuffix(url, "/drips") {
			within = 2 * time.Second
		}
		ctx, cancel := context.WithTimeout(t.Context(), within)
		l, of := aLetter()
		began := time.Now()
		err := NewWebhook(time.Now).Carry(ctx, Receiver{Webhook: url, Secret: "s"}, l, of)
		cancel()
		if (want == "") != (err == nil) || err != nil && class(err) != want {
			t.Errorf("%s: class %q of %v, want %q", url, class(err), err, want)
		}
		if took := time.Since(began); took > carryTime/2 {
			t.Errorf("%s took %s", url, took)
		}
	}
	if elsewhere.Load() {
		t.Error("the case was carried to where the receiver pointed")
	}
}
