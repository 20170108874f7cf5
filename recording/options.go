package recording

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/recording/chain"
	"hotline/recording/vault"
)

// The formats of recording.format.
const (
	PCM16 = "pcm16" // 16-bit linear: every player takes it, G.711 loses nothing
	G711  = "g711"  // the law of the caller's codec, at half the size
)

// Options are what a Recorder is made of.
type Options struct {
	Dir     string         // DATA/recordings; made if it is not there
	Second  string         // a directory on another disk, where recordings go on that Dir refuses; empty: none
	Node    string         // this server's name, for the manifests
	Zone    *time.Location // of the day a recording is filed under
	Format  string         // PCM16 or G711
	Chain   *chain.Chain   // of which manifests become links; nil: they stand alone
	Log     *zap.Logger
	Metrics prometheus.Registerer

	// Vault has the keys under which recordings are encrypted; nil: they are plain WAVs.
	Vault *vault.Keyring

	// Events is told recording.started, recording.sealed, recording.missing,
	// recording.suspect, recording.renewed and recording.spilled. It is called by the goroutines that write, so it must not wait.
	// It may be nil.
	Events func(call.Event)

	// Sealed is told the end of a sealing that outlasted the context given to Seal, and only
	// of such a one. State is "open" where sealing failed: the next start's Repair finishes
	// it. It may be nil.
	Sealed func(call.ID, Result)
}

// Check reports every option that cannot be, naming the path in the configuration file.
func (o Options) Check() error {
	var errs []error
	if o.Dir == "" {
		errs = append(errs, errors.New("data: the folder of the recordings is not named"))
	}
	if o.Format != PCM16 && o.Format != G711 {
		errs = append(errs, fmt.Errorf("recording.format: %q is not a format; it is %s or %s", o.Format, PCM16, G711))
	}
	if o.Zone == nil {
		errs = append(errs, errors.New("timezone: not given"))
	}
	if o.Log == nil || o.Metrics == nil {
		errs = append(errs, errors.New("recording: no log or no metrics given"))
	}
	return errors.Join(errs...)
}
