package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.uber.org/zap"

	"hotline/configs"
)

// Reload reads the configuration file again. A bad file changes nothing and is told; a good
// one swaps lines, menus, queues, carriers and limits at once. Calls already inside keep what
// they began with. Sockets, folders, languages and formats need a restart: the log says so.
func (a *App) Reload() error {
	if a.o.Path == "" {
		return errors.New("reload: this server was started without a configuration file")
	}
	a.reloading.Lock()
	defer a.reloading.Unlock()
	a.tellReloading()
	defer a.tell("READY=1")
	next, err := configs.Load(a.o.Path)
	if err != nil {
		return err
	}
	if faults := append(next.Serveable(), checkTLS(next)...); len(faults) > 0 {
		return faults
	}
	s := settings(next)
	s.Languages = a.file.Languages // their clips were loaded at the start
	if err := s.Check(); err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	if err := a.clips.reload(a.file, a.file.Languages, a.log.Named("prompts")); err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	a.mu.Lock()
	a.grace = next.Stop.Grace.D()
	a.mu.Unlock()
	a.loaded.Store(next)
	a.line.Configure(s)
	a.floor.SetRules(rules(next), houseRules(next))
	a.setTrunks(next)
	a.gate.hourly.Store(int64(next.Limits.PerNumberHour))
	a.sip.SetOutgoing(outgoing(next, a.o.Now))
	a.sip.SetCarriers(carriers(next))
	a.sip.SetLimits(limits(next))
	if err := a.loadOperators(context.Background()); err != nil {
		return err
	}
	a.log.Info("configuration reloaded", zap.Int("lines", len(next.Lines)), zap.Int("queues", len(next.Queues)))
	for _, key := range restartKeys(a.file, next) {
		a.log.Warn("this change needs a restart", zap.String("key", key))
	}
	return nil
}

// restartKeys names the keys that are read only at a start and are not what they were then.
func restartKeys(began, next *configs.File) (keys []string) {
	for key, differs := range map[string]bool{
		"data":                  began.Data != next.Data,
		"languages":             !slices.Equal(began.Languages, next.Languages),
		"timezone":              began.Timezone != next.Timezone,
		"sip.phones.realm":      began.SIP.Phones.Realm != next.SIP.Phones.Realm,
		"sip.phones.digest_md5": began.SIP.Phones.DigestMD5 != next.SIP.Phones.DigestMD5,
		"media":                 began.Media != next.Media,
		"http":                  began.HTTP != next.HTTP,
		"metrics":               began.Metrics != next.Metrics,
		"status":                began.Status != next.Status,
		"trace":                 began.Trace != next.Trace,
		"recording.format":      began.Recording.Format != next.Recording.Format,
		"recording.away":        began.Recording.Away != next.Recording.Away,
		"recording.encrypt":     !slices.Equal(began.Recording.Encrypt, next.Recording.Encrypt),
		"recording.second":      began.Recording.Second != next.Recording.Second,
		"recording.keys":        began.Recording.Keys != next.Recording.Keys,
		"sip.trunks.listen": fmt.Sprint(began.SIP.Trunks.Listen) != fmt.Sprint(next.SIP.Trunks.Listen) ||
			began.SIP.Trunks.Advertise != next.SIP.Trunks.Advertise,
		"sip.trunks.tls": began.SIP.Trunks.TLS != next.SIP.Trunks.TLS,
		"sip.phones.tls": began.SIP.Phones.TLS != next.SIP.Phones.TLS,
		"sip.phones.listen": fmt.Sprint(began.SIP.Phones.Listen) != fmt.Sprint(next.SIP.Phones.Listen) ||
			began.SIP.Phones.Advertise != next.SIP.Phones.Advertise,
	} {
		if differs {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}
