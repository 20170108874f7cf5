// Command status stands in for the outside system that knows how applications stand, so that the
// hotline can be tried without it. It answers for invented applications and misbehaves when it is
// asked to. The contract is "The status of applications" in docs/operating.md.
package main

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// An application is one of the register. Dates are YYYY-MM-DD.
type application struct {
	Number  string `json:"number"`
	Born    string `json:"born"`
	Status  string `json:"status"`
	Changed string `json:"changed"`
	Due     string `json:"due"`
}

//go:embed applications.json
var invented []byte

// An answer is what goes out of one.
type answer struct {
	Status  string `json:"status"`
	Changed string `json:"changed,omitempty"`
	Due     string `json:"due,omitempty"`
}

type flags struct{ listen, token, applications, certificate, key, clientCA string }

func main() {
	log.SetFlags(log.Ltime)
	var f flags
	flag.StringVar(&f.listen, "listen", "127.0.0.1:8099", "address and port; port 0 takes a free one")
	flag.StringVar(&f.token, "token", "", "bearer token that is demanded; empty: none is")
	flag.StringVar(&f.applications, "applications", "", "file of applications; empty: the invented ones")
	flag.StringVar(&f.certificate, "cert", "", "PEM certificate, for https")
	flag.StringVar(&f.key, "key", "", "PEM key that belongs to it")
	flag.StringVar(&f.clientCA, "clients", "", "PEM authority whose certificate the hotline must show; empty: none need be shown")
	flag.Parse()
	if flag.NArg() > 0 {
		log.Fatalf("%s is not understood, write --listen 127.0.0.1:8099", flag.Arg(0))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, f, os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends. Where it listens is said on out, as one line of JSON.
func run(ctx context.Context, f flags, out io.Writer) error {
	body := invented
	if f.applications != "" {
		var err error
		if body, err = os.ReadFile(f.applications); err != nil {
			return err
		}
	}
	var register []application
	if err := json.Unmarshal(body, &register); err != nil {
		return fmt.Errorf("read the applications: %w", err)
	}
	secure, err := tlsOf(f)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", f.listen)
	if err != nil {
		return err
	}
	scheme := "http"
	address := l.Addr().String()
	if secure != nil {
		scheme, l = "https", tls.NewListener(l, secure)
	}
	where := map[string]string{"listen": address, "url": scheme + "://" + address + "/status"}
	if err := json.NewEncoder(out).Encode(where); err != nil {
		return err
	}
	server := &http.Server{Handler: handler(register, f.token), ReadHeaderTimeout: 5 * time.Second}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// tlsOf is nil where plain HTTP is spoken.
func tlsOf(f flags) (*tls.Config, error) {
	if f.certificate == "" {
		if f.clientCA != "" {
			return nil, errors.New("--clients needs https: name --cert and --key, too")
		}
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(f.certificate, f.key)
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if f.clientCA == "" {
		return c, nil
	}
	b, err := os.ReadFile(f.clientCA)
	if err != nil {
		return nil, err
	}
	c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	if !c.ClientCAs.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%s holds no certificate", f.clientCA)
	}
	return c, nil
}

// handler answers questions. The log says what came of them, not what was asked.
func handler(register []application, token string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /status", func(w http.ResponseWriter, r *http.Request) {
		if given := r.Header.Get("Authorization"); token != "" && subtle.ConstantTimeCompare([]byte(given), []byte("Bearer "+token)) != 1 {
			say(w, http.StatusUnauthorized, map[string]string{"error": "the token is missing or wrong"})
			return
		}
		var q struct{ Number, Born string }
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 4096))
		d.DisallowUnknownFields()
		if err := d.Decode(&q); err != nil {
			say(w, http.StatusBadRequest, map[string]string{"error": `send {"number": "…", "born": "YYYY-MM-DD"}`})
			return
		}
		if _, err := time.Parse(time.DateOnly, q.Born); err != nil {
			say(w, http.StatusBadRequest, map[string]string{"error": "born must be YYYY-MM-DD"})
			return
		}
		if odd := misbehaviour[q.Number]; odd != nil {
			log.Print("misbehaves as asked")
			odd(w, r)
			return
		}
		for _, a := range register {
			if a.Number == q.Number && a.Born == q.Born {
				say(w, http.StatusOK, answer{a.Status, a.Changed, a.Due})
				return
			}
		}
		// Whether the number is wrong or the date is not said: nobody shall find out by trying.
		say(w, http.StatusNotFound, map[string]string{"error": "no such application"})
	})
	return mux
}

// say answers with JSON.
func say(w http.ResponseWriter, code int, body any) {
	log.Printf("answers %d", code)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(body)
}

// misbehaviour is what numbers of applications stand for, with any date of birth.
var misbehaviour = map[string]http.HandlerFunc{
	"5000": func(w http.ResponseWriter, r *http.Request) { // slow
		if pause(r, 10*time.Second) {
			say(w, http.StatusOK, answer{Status: "granted"})
		}
	},
	"5001": func(w http.ResponseWriter, _ *http.Request) { // broken
		say(w, http.StatusInternalServerError, map[string]string{"error": "out of order"})
	},
	"5002": func(w http.ResponseWriter, _ *http.Request) { page(w, http.StatusOK, "Maintenance") },
	"5003": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, // hangs up
	"5004": huge,
	"5005": func(w http.ResponseWriter, r *http.Request) { // sends to somebody else
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	},
	"5006": func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, answer{Status: "lost"}) },
	"5007": func(w http.ResponseWriter, _ *http.Request) { // tells more than it was asked
		say(w, http.StatusOK, map[string]any{"status": "granted", "changed": "2026-11-12",
			"name": "Invented Person", "family": []map[string]string{{"name": "Invented Child", "status": "refused"}}})
	},
	"5008": func(w http.ResponseWriter, _ *http.Request) { // means well
		say(w, http.StatusOK, answer{Status: "ready", Changed: "the day before yesterday"})
	},
	"5009": drip,
	"5010": func(w http.ResponseWriter, _ *http.Request) { page(w, http.StatusNotFound, "Not Found") }, // as at a wrong address
}

// page answers with a web page.
func page(w http.ResponseWriter, code int, words string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = fmt.Fprintf(w, "<!doctype html><title>%s</title><h1>%[1]s</h1>\n", words)
}

// huge sends a good answer with a gigabyte of spaces in it.
func huge(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"status": "granted",`)
	spaces := strings.Repeat(" ", 1<<20)
	for range 1 << 10 {
		if _, err := io.WriteString(w, spaces); err != nil {
			return // nobody listens any more
		}
	}
	_, _ = io.WriteString(w, `"due": null}`)
}

// drip sends a good answer, a byte a second.
func drip(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	for _, b := range []byte(`{"status": "granted"}`) {
		_, _ = w.Write([]byte{b})
		if http.NewResponseController(w).Flush() != nil || !pause(r, time.Second) {
			return
		}
	}
}

// pause waits, and says whether somebody still waits for the answer.
func pause(r *http.Request, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-r.Context().Done():
		return false
	}
}
