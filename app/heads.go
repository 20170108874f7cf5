package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/syslog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/cases"
	"hotline/configs"
	"hotline/recording/chain"
)

const (
	// headEvery is how often it is looked whether a day's head is to be written, or brought to a second place.
	headEvery = 10 * time.Minute

	// headTime bounds one try at a second place.
	headTime = 30 * time.Second

	// headDays is how long a head that could not be brought away is tried.
	headDays = 30

	headForm = time.DateOnly
	headExt  = ".json"
	sentExt  = ".sent" // a line for each second place that has it
)

// A headKeeper writes down where the chain ended, once a day, and brings it to second places.
type headKeeper struct {
	chain *evidence
	dir   string

	mu   sync.Mutex // one looks at a time
	file func() *configs.File
	now  func() time.Time
	log  *zap.Logger
	mail *cases.Mail
	late prometheus.Gauge
}

// keepHeads lets the heads of the chain be kept for as long as the server runs.
func (a *App) keepHeads(context.Context) error {
	k := &headKeeper{
		chain: a.evidence, dir: headsIn(a.file.Data), file: a.loaded.Load, now: a.o.Now, log: a.log.Named("evidence"), mail: &cases.Mail{Options: a.register.mail},
		late: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "hotline_recording_head_unsent_seconds", Help: "Age of the oldest head of the recordings' chain that a second place does not have yet; 0: all have all.",
		}),
	}
	a.metrics.MustRegister(k.late)
	a.heads = k
	a.steps.runner("heads", 5*time.Second, k.run)
	return nil
}

func (k *headKeeper) run(ctx context.Context) {
	tick := time.NewTicker(headEvery)
	defer tick.Stop()
	for {
		if err := k.look(ctx); err != nil && ctx.Err() == nil {
			k.log.Error("the head of the recordings' chain is not kept everywhere; it is tried again", zap.Error(err))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look writes today's head where it is missing, and brings heads to where they are not yet.
func (k *headKeeper) look(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	today := k.now().In(k.file().Zone()).Format(headForm)
	name := filepath.Join(k.dir, today+headExt)
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		_, line, err := k.chain.Head(node())
		if err == nil {
			err = errors.Join(os.MkdirAll(k.dir, 0o750), replaceFile(name, line))
		}
		if err != nil {
			return fmt.Errorf("head of %s: %w", today, err)
		}
	}
	days, err := headsOf(k.dir)
	if err != nil {
		return err
	}
	var oldest time.Duration
	var errs []error
	for _, day := range days[max(0, len(days)-headDays):] {
		if err := k.bring(ctx, day); err != nil {
			errs = append(errs, err)
			if st, err := os.Stat(filepath.Join(k.dir, day+headExt)); err == nil {
				oldest = max(oldest, k.now().Sub(st.ModTime()))
			}
		}
	}
	k.late.Set(oldest.Seconds())
	return errors.Join(errs...)
}

// headsOf are the days of which there is a head, in their order.
func headsOf(dir string) (days []string, err error) {
	all, err := os.ReadDir(dir) // in the order of the names
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("heads: %w", err)
	}
	for _, e := range all {
		day, ok := strings.CutSuffix(e.Name(), headExt)
		if _, err := time.Parse(headForm, day); ok && err == nil {
			days = append(days, day)
		}
	}
	return days, nil
}

// bring brings a day's head to each second place that does not have it.
func (k *headKeeper) bring(ctx context.Context, day string) error {
	note := filepath.Join(k.dir, day+sentExt)
	has, err := os.ReadFile(note)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	there := strings.Fields(string(has))
	line, err := os.ReadFile(filepath.Join(k.dir, day+headExt))
	if err != nil {
		return err
	}
	heads := k.file().Recording.Heads
	var errs []error
	for _, way := range []struct {
		name, to string
		send     func(ctx context.Context, day string, line []byte) error
	}{
		{"folder", heads.Folder, k.toFolder}, {"syslog", heads.Syslog, k.toSyslog}, {"mail", heads.Mail, k.toMail},
	} {
		if way.to == "" || slices.Contains(there, way.name) {
			continue
		}
		trying, cancel := context.WithTimeout(ctx, headTime)
		err := way.send(trying, day, line)
		cancel()
		if err != nil {
			errs = append(errs, fmt.Errorf("head of %s to %s: %w", day, way.name, err))
			continue
		}
		there = append(there, way.name)
		errs = append(errs, replaceFile(note, []byte(strings.Join(there, "\n")+"\n")))
	}
	return errors.Join(errs...)
}

func (k *headKeeper) toFolder(_ context.Context, day string, line []byte) error {
	return replaceFile(filepath.Join(k.file().Recording.Heads.Folder, node()+"-"+day+headExt), line)
}

// toSyslog does not wait longer than ctx lasts, which log/syslog knows nothing of; what it still does then is left
// behind, and its head is sent again.
func (k *headKeeper) toSyslog(ctx context.Context, _ string, line []byte) error {
	network, at, err := k.file().Recording.Heads.Log()
	if err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() {
		w, err := syslog.Dial(network, at, syslog.LOG_NOTICE|syslog.LOG_AUTHPRIV, "hotline")
		if err == nil {
			err = errors.Join(w.Notice(strings.TrimSpace(string(line))), w.Close())
		}
		sent <- err
	}()
	select {
	case err := <-sent:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (k *headKeeper) toMail(ctx context.Context, day string, line []byte) error {
	n, last := k.chain.Links()
	return k.mail.Post(ctx, k.file().Recording.Heads.Mail, cases.Paper{
		Key: "head/" + node() + "/" + day, Subject: "Yazıların zənciri " + day + " (" + node() + ")",
		Text: fmt.Sprintf("Bu məktubu saxlayın: yazıların silinmədiyini sonra bununla yoxlamaq olar.\n"+
			"Keep this letter: it proves later that no recording was taken away (hotline recording verify --head).\n"+
			"Сохраните это письмо: по нему потом проверяется, что записи не удалены.\n\n%s\nlinks now: %d, last: %s\n", line, n, last),
		Name: node() + "-" + day + headExt, Attached: line,
	})
}

// readHead reads one that was kept.
func readHead(name string) (chain.Head, error) {
	line, err := os.ReadFile(name)
	if err != nil {
		return chain.Head{}, fmt.Errorf("head: %w", err)
	}
	h, err := chain.ParseHead(line)
	if err != nil {
		return h, fmt.Errorf("%s: %w", name, err)
	}
	return h, nil
}
