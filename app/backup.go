package app

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/zap"

	"hotline/backup"
	"hotline/call"
	"hotline/configs"
	"hotline/recording"
	"hotline/recording/chain"
	"hotline/store"
)

// What the commands of backups get and give.
type (
	BackupReport       = backup.Report
	BackupProgress     = backup.Progress
	BackupVerification = backup.Verification
	Restored           = backup.Restored
)

// A BackupPlan is what a backup is made, verified or put back with.
type BackupPlan struct {
	Dir         string
	Path        string // of the configuration file; empty: it is not kept in the backup
	WithoutKeys bool
	Recheck     bool
	Rate        int64  // bytes a second; 0: as fast as it goes
	PublicKey   string // file of the key that must have signed the backup; empty: it need not be signed
	Version     string
	Tell        func(BackupProgress)

	// For a restore.
	KeysFrom    string // folder of keys that were kept elsewhere
	RecoveryKey string // file of the identity that opens the recordings where the keys are lost
	NewKeys     bool   // the keys are lost, and there is no recovery key either
}

// Backup copies the data folder of a configuration. It needs no server and disturbs none: it reads
// the rows through a transaction of its own.
func Backup(ctx context.Context, f *configs.File, p BackupPlan) (BackupReport, error) {
	config, secrets := namedFiles(f)
	if p.Path != "" {
		config = append([]string{p.Path}, config...)
	}
	o := backup.Options{
		Data: f.Data, Dir: p.Dir, Config: config, Secrets: secrets, WithoutKeys: p.WithoutKeys, Rate: p.Rate, Recheck: p.Recheck,
		Version: p.Version, Tell: p.Tell, Check: checkRecordings,
	}
	key, err := nodeKey(f.Data)
	if err != nil {
		return BackupReport{}, err
	}
	if key != nil {
		o.Signer = key
	}
	return backup.Make(ctx, o)
}

// namedFiles are the files that a configuration names: certificates, and the keys that belong to them.
func namedFiles(f *configs.File) (certificates, keys []string) {
	pair := func(certificate, key string) {
		certificates, keys = append(certificates, certificate), append(keys, key)
	}
	pair(f.SIP.Trunks.TLS.Certificate, f.SIP.Trunks.TLS.Key)
	pair(f.SIP.Phones.TLS.Certificate, f.SIP.Phones.TLS.Key)
	for _, c := range f.SIP.Trunks.Carriers {
		pair(c.TLS.Certificate, c.TLS.Key)
		certificates = append(certificates, c.TLS.CA)
	}
	pair(f.Status.Certificate, f.Status.Key)
	certificates = append(certificates, f.Status.CA)
	tidy := func(names []string) []string {
		slices.Sort(names)
		return slices.DeleteFunc(slices.Compact(names), func(n string) bool { return n == "" })
	}
	return tidy(certificates), tidy(keys)
}

// VerifyBackup reads the whole of a backup and says what is wrong with it.
func VerifyBackup(ctx context.Context, p BackupPlan) (BackupVerification, error) {
	keys, err := p.keys()
	if err != nil {
		return BackupVerification{}, err
	}
	return backup.Verify(ctx, backup.VerifyOptions{Dir: p.Dir, Keys: keys, Rate: p.Rate, Check: checkRecordings, Tell: p.Tell})
}

// keys are the public keys that a backup must be signed with.
func (p BackupPlan) keys() ([]ed25519.PublicKey, error) {
	if p.PublicKey == "" {
		return nil, nil
	}
	b, err := os.ReadFile(p.PublicKey)
	if err != nil {
		return nil, err
	}
	key, err := chain.ParsePublic(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p.PublicKey, err)
	}
	return []ed25519.PublicKey{key}, nil
}

// checkRecordings is backup.Check: recordings, their chain and messages against the rows, as
// `recording verify` does it.
func checkRecordings(_ context.Context, data string, expected map[string]call.ID, progress func(done, total int)) ([]string, error) {
	proof, err := heldAgainst(data)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(recordingsIn(data), "chain")); errors.Is(err, fs.ErrNotExist) && len(proof.Keys) == 0 {
		proof.Alone = true // a folder that no release with a chain has served yet
	}
	for p, id := range expected {
		proof.Expected = append(proof.Expected, recording.Expected{Call: id, Path: p})
	}
	faults, err := verified(data, proof, progress)
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.String())
	}
	return lines, err
}

// Restore puts a backup into the empty data folder of a configuration, and makes of it one as a
// server leaves it: rows brought up to date, what was open closed as interrupted. secrets are new ones
// of telephones, by user, where the keys were lost: they are told this once.
func Restore(ctx context.Context, f *configs.File, p BackupPlan) (done Restored, secrets map[string]string, err error) {
	if p.RecoveryKey != "" && len(f.Recording.Encrypt) == 0 {
		return done, nil, errors.New("--recovery-key: recording.encrypt names nobody, so keys would be sealed without a way of recovery: name the recipient of this key, or another")
	}
	keys, err := p.keys()
	if err != nil {
		return done, nil, err
	}
	done, err = backup.Restore(ctx, backup.RestoreOptions{
		Dir: p.Dir, Data: f.Data, Keys: keys, Rate: p.Rate, Tell: p.Tell, KeysFrom: p.KeysFrom, NoKeys: p.NewKeys || p.RecoveryKey != "",
		Check: checkRecordings,
		Settle: func(ctx context.Context, data string, taken time.Time) (err error) {
			secrets, err = settle(ctx, f, data, taken, p.RecoveryKey)
			return err
		},
	})
	return done, secrets, err
}

// settle makes of restored files a folder as a server leaves it.
func settle(ctx context.Context, f *configs.File, data string, taken time.Time, identity string) (secrets map[string]string, err error) {
	var lost []string
	if _, err := os.Stat(filepath.Join(keysIn(data), "seal.key")); errors.Is(err, fs.ErrNotExist) {
		if lost, err = store.ForgetSecrets(ctx, data); err != nil {
			return nil, err
		}
	}
	if identity != "" {
		if err := resealAll(ctx, f, data, identity); err != nil {
			return nil, fmt.Errorf("--recovery-key: %w", err)
		}
	}
	log := NewLog(zap.WarnLevel)
	s, err := store.Open(store.Options{Dir: data, Log: log, Metrics: unseen()})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	e, err := openEvidence(data)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	d := dead{store: s, recordings: recordingsIn(data), chain: e.Chain, zone: f.Zone(), log: log, until: func() time.Time { return taken }}
	if _, _, err := d.close(ctx); err != nil {
		return nil, err
	}
	// They have ended long ago. Where this is a rehearsal, they are another server's.
	if err := s.ForgetDialogs(ctx); err != nil {
		return nil, err
	}
	secrets = map[string]string{}
	for _, name := range lost {
		if secrets[name], err = s.MakePhone(ctx, name, f.SIP.Phones.Realm); err != nil {
			return nil, err
		}
	}
	return secrets, s.Flush(ctx)
}
