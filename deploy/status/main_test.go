package main

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets the test's own program be the stand-in.
func TestMain(m *testing.M) {
	if os.Getenv("HOTLINE_STATUS_STANDIN") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// post asks as the hotline does, and gives the code and the whole body.
func post(t *testing.T, url, token, body string) (int, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	client := &http.Client{Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	return response.StatusCode, string(b), err
}

func TestStandIn(t *testing.T) {
	var register []application
	if err := json.Unmarshal(invented, &register); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler(register, "try"))
	defer server.Close()
	for name, c := range map[string]struct {
		token, body string
		code        int
		says        string
	}{
		"an application":         {"try", `{"number":"1002","born":"1990-02-01"}`, 200, `{"status":"inProgress","changed":"2026-11-23","due":"2026-12-15"}`},
		"no due day":             {"try", `{"number":"1009","born":"1990-02-01"}`, 200, `{"status":"withdrawn","changed":"2026-11-12"}`},
		"another's date":         {"try", `{"number":"1002","born":"1990-02-02"}`, 404, `{"error":"no such application"}`},
		"no such number":         {"try", `{"number":"7777","born":"1990-01-01"}`, 404, `{"error":"no such application"}`},
		"no token":               {"", `{"number":"1002","born":"1990-02-01"}`, 401, "token"},
		"a wrong token":          {"tried", `{"number":"1002","born":"1990-02-01"}`, 401, "token"},
		"not what was agreed":    {"try", `{"number":"1002","born":"1990-02-01","name":"x"}`, 400, "send"},
		"no JSON":                {"try", `number=1002`, 400, "send"},
		"a date of another kind": {"try", `{"number":"1002","born":"01011990"}`, 400, "YYYY-MM-DD"},
		"broken":                 {"try", `{"number":"5001","born":"1990-01-01"}`, 500, ""},
		"a web page":             {"try", `{"number":"5002","born":"1990-01-01"}`, 200, "<!doctype html>"},
		"a redirect":             {"try", `{"number":"5005","born":"1990-01-01"}`, 307, ""},
		"an unknown state":       {"try", `{"number":"5006","born":"1990-01-01"}`, 200, "lost"},
		"names":                  {"try", `{"number":"5007","born":"1990-01-01"}`, 200, "Invented Person"},
		"a wrong page":           {"try", `{"number":"5010","born":"1990-01-01"}`, 404, "<h1>"},
	} {
		t.Run(name, func(t *testing.T) {
			code, body, err := post(t, server.URL+"/status", c.token, c.body)
			if err != nil || code != c.code || !strings.Contains(body, c.says) {
				t.Errorf("%d %q %v; want %d %q", code, body, err, c.code, c.says)
			}
		})
	}
	if _, _, err := post(t, server.URL+"/status", "try", `{"number":"5003","born":"1990-01-01"}`); err == nil {
		t.Error("5003 did not hang up")
	}
	if code, body, err := post(t, server.URL+"/status", "try", `{"number":"5004","born":"1990-01-01"}`); code != 200 || len(body) != 1<<20 {
		t.Errorf("5004: %d, %d bytes, %v", code, len(body), err)
	}
}

// The program says where it listens, answers there, and ends when it is told to.
func TestTheProgram(t *testing.T) {
	c := exec.Command(os.Args[0], "--listen", "127.0.0.1:0")
	c.Env = append(os.Environ(), "HOTLINE_STATUS_STANDIN=1")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var where struct{ Listen, URL string }
	if err := json.Unmarshal([]byte(line), &where); err != nil || where.Listen == "" {
		t.Fatalf("%q: %v", line, err)
	}
	if code, body, err := post(t, where.URL, "", `{"number":"1005","born":"1990-02-01"}`); code != 200 || !strings.Contains(body, "granted") {
		t.Errorf("%d %q %v", code, body, err)
	}
	if err := c.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := c.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}
