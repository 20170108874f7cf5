package app

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"hotline/configs"
)

// Reload reads the configuration file again. A bad file changes nothing and is told; a good
// one swaps lines, menus, queues, carriers and limits at once. Calls already inside keep what
// they began with. Sockets, folders and formats need a restart: the log says so.
func (a *App) Reload() error {
	if a.o.Path == "" {
		return errors.New("reload: this server was started without a configuration file")
	}
	next, err := configs.Load(a.o.Path)
	if err != nil {
		return err
	}
	if faults := next.Serveable(); len(faults) > 0 {
		return faults
	}
	s := settings(next)
	if err := s.Check(); err != nil {
		return fmt.Errorf("reload: %w", err)
	}
	a.mu.Lock()
	previous := a.file
	a.file = next
	a.mu.Unlock()
	a.line.Configure(s)
	a.floor.SetRules(rules(next))
	a.sip.SetCarriers(carriers(next))
	if err := a.loadOperators(context.Background()); err != nil {
		return err
	}
	a.log.Info("configuration reloaded", zap.Int("lines", len(next.Lines)), zap.Int("queues", len(next.Queues)))
	for _, key := range restartKeys(previous, next) {
		a.log.Warn("this change needs a restart", zap.String("key", key))
	}
	return nil
}

// restartKeys names the keys that differ and are read only at a start.
func restartKeys(old, next *configs.File) (keys []string) {
	for key, differs := range map[string]bool{
		"data":             old.Data != next.Data,
		"timezone":         old.Timezone != next.Timezone,
		"sip.phones.realm": old.SIP.Phones.Realm != next.SIP.Phones.Realm,
		"media":            old.Media != next.Media,
		"http":             old.HTTP != next.HTTP,
		"metrics":          old.Metrics != next.Metrics,
		"recording.format": old.Recording.Format != next.Recording.Format,
		"sip.trunks.listen": fmt.Sprint(old.SIP.Trunks.Listen) != fmt.Sprint(next.SIP.Trunks.Listen) ||
			old.SIP.Trunks.Advertise != next.SIP.Trunks.Advertise,
		"sip.phones.listen": fmt.Sprint(old.SIP.Phones.Listen) != fmt.Sprint(next.SIP.Phones.Listen) ||
			old.SIP.Phones.Advertise != next.SIP.Phones.Advertise,
	} {
		if differs {
			keys = append(keys, key)
		}
	}
	return keys
}
