package app

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"hotline/recording/durable"
)

// A Run is DATA/run.json: where the running server is.
type Run struct {
	PID     int       `json:"pid"`
	Started time.Time `json:"started"`
	Trunks  []string  `json:"trunks"`
	Phones  []string  `json:"phones"`
	Media   string    `json:"media"`
	Engine  string    `json:"engine"`
	HTTP    string    `json:"http"`
	Metrics string    `json:"metrics"`
}

// announce writes run.json and the line of the log that says where everything is.
func (a *App) announce(context.Context) error {
	trunks, phones := a.sip.Addrs()
	a.mu.Lock()
	a.run.PID, a.run.Started = os.Getpid(), time.Now().UTC()
	a.run.Trunks, a.run.Phones = trunks, phones
	a.run.Media = fmt.Sprintf("%s:%d-%d", a.file.Media.Listen, a.file.Media.Ports.First, a.file.Media.Ports.Last)
	a.run.Engine = a.media.Name()
	run := a.run
	a.mu.Unlock()
	path := filepath.Join(a.file.Data, "run.json")
	body, err := json.MarshalIndent(run, "", "  ")
	if err != nil {
		return fmt.Errorf("write run.json: %w", err)
	}
	if err := replaceFile(path, append(body, '\n')); err != nil {
		return fmt.Errorf("write run.json: %w", err)
	}
	a.steps.closer("run.json", func() error { return os.Remove(path) })
	a.log.Info("hotline takes calls", zap.Strings("trunks", trunks), zap.Strings("phones", phones),
		zap.String("media", run.Media), zap.String("engine", run.Engine), zap.String("http", run.HTTP),
		zap.String("metrics", run.Metrics), zap.Duration("took", time.Since(a.began)))
	return nil
}

// Run says where the server is.
func (a *App) Run() Run {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.run
}

// replaceFile writes a file whole or not at all, which only its owner reads; it outlives a power cut.
func replaceFile(path string, body []byte) error {
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer root.Close() // only a folder
	return durable.Replace(root, filepath.Base(path), body, 0o600)
}
