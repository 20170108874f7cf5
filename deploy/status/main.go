// Command status stands in for the system that knows how applications stand, for trying: it answers a few
// invented applications and misbehaves by number. See README.md.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

//go:embed applications.json
var applications []byte

type application struct {
	Number  string `json:"number"`
	Born    string `json:"born"`
	Status  string `json:"status"`
	Changed string `json:"changed,omitempty"`
	Due     string `json:"due,omitempty"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8099", "where to listen")
	token := flag.String("token", "", "the bearer token that is demanded; empty: none")
	cert := flag.String("cert", "", "PEM certificate; with --key, for TLS")
	key := flag.String("key", "", "PEM key")
	clients := flag.String("clients", "", "PEM of who signs clients' certificates; they are demanded then")
	flag.Parse()
	if err := run(*listen, *token, *cert, *key, *clients); err != nil {
		log.Fatal(err)
	}
}

func run(listen, token, cert, key, clients string) error {
	var all []application
	if err := json.Unmarshal(applications, &all); err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler{all, token}, ReadHeaderTimeout: 5 * time.Second}
	scheme := "http"
	if cert != "" {
		scheme = "https"
		server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		if clients != "" {
			pem, err := os.ReadFile(clients)
			if err != nil {
				return err
			}
			server.TLSConfig.ClientCAs, server.TLSConfig.ClientAuth = x509.NewCertPool(), tls.RequireAndVerifyClientCert
			server.TLSConfig.ClientCAs.AppendCertsFromPEM(pem)
		}
	}
	fmt.Printf("{\"url\":\"%s://%s/status\"}\n", scheme, l.Addr())
	if cert != "" {
		return server.ServeTLS(l, cert, key)
	}
	return server.Serve(l)
}

// A handler answers questions.
type handler struct {
	all   []application
	token string
}

func (h handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.token != "" && r.Header.Get("Authorization") != "Bearer "+h.token {
		http.Error(w, "who are you?", http.StatusUnauthorized)
		return
	}
	var q struct{ Number, Born string }
	if r.Method != http.MethodPost || json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&q) != nil {
		http.Error(w, `POST {"number": "…", "born": "YYYY-MM-DD"}`, http.StatusBadRequest)
		return
	}
	if odd, ok := misbehaving[q.Number]; ok {
		odd(w, r)
		return
	}
	for _, a := range h.all {
		if a.Number == q.Number && a.Born == q.Born {
			answer(w, a)
			return
		}
	}
	http.Error(w, "no such application", http.StatusNotFound)
}

func answer(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

// misbehaving are the numbers that show what a caller hears when the system is not well.
var misbehaving = map[string]func(http.ResponseWriter, *http.Request){
	"5000": func(w http.ResponseWriter, r *http.Request) { // slow
		select {
		case <-time.After(10 * time.Second):
		case <-r.Context().Done():
		}
		answer(w, application{Status: "ready"})
	},
	"5001": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "no", http.StatusInternalServerError) },
	"5002": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>maintenance</html>") },
	"5003": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, // closes the connection
	"5004": func(w http.ResponseWriter, _ *http.Request) { // far too long
		w.Header().Set("Content-Type", "application/json")
		for range 1 << 14 {
			if _, err := w.Write(bytes.Repeat([]byte(" "), 1<<16)); err != nil {
				return
			}
		}
	},
	"5005": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
	"5006": func(w http.ResponseWriter, _ *http.Request) { answer(w, application{Status: "lost"}) },
	"5007": func(w http.ResponseWriter, _ *http.Request) { // rude: it tells a name
		answer(w, map[string]string{"status": "ready", "name": "Somebody Somebody", "comment": "do not tell"})
	},
	"5008": func(w http.ResponseWriter, _ *http.Request) {
		answer(w, application{Status: "ready", Changed: "the day before yesterday"})
	},
}
