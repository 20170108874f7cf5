package app

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"hotline/call/wire"
	"hotline/recording"
	"hotline/recording/chain"
)

// evidence is the chain of the recordings, and the heads of it that are kept in second places.
type evidence struct {
	*chain.Chain
	key  *chain.Key
	root *os.Root
}

// openEvidence opens the chain of the recordings below a data folder; it makes the key and begins the chain where
// there are none.
func openEvidence(data string) (*evidence, error) {
	key, err := chain.LoadKey(keysIn(data))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(recordingsIn(data), 0o750); err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	root, err := os.OpenRoot(recordingsIn(data))
	if err != nil {
		return nil, fmt.Errorf("recordings: %w", err)
	}
	c, err := chain.Open(root, key, node())
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &evidence{c, key, root}, nil
}

func (e *evidence) Close() error { return errors.Join(e.Chain.Close(), e.root.Close()) }

// nodeKey is what the chain is signed with. It is not made: nil in a backup without keys, and where nothing was ever
// recorded.
func nodeKey(data string) (*chain.Key, error) {
	if !chain.HasKey(keysIn(data)) {
		return nil, nil
	}
	return chain.LoadKey(keysIn(data))
}

// heldAgainst is what the recordings below a data folder are verified with: this node's key, and the heads that
// were written down here.
func heldAgainst(data string) (recording.Proof, error) {
	var p recording.Proof
	key, err := nodeKey(data)
	if err != nil {
		return p, err
	}
	if key != nil {
		p.Keys = []ed25519.PublicKey{key.Public()}
	}
	days, err := headsOf(headsIn(data))
	if err != nil {
		return p, err
	}
	for _, day := range days {
		h, err := readHead(filepath.Join(headsIn(data), day+headExt))
		if err != nil {
			return p, err
		}
		p.Heads = append(p.Heads, h)
	}
	return p, nil
}

// VerifyFolder verifies a copy of a folder of recordings, anywhere, with nothing but the public key, and the heads
// that a second place has kept. progress may be nil.
func VerifyFolder(dir, publicKey string, heads []string, progress func(done, total int)) (out wire.Verification, err error) {
	b, err := os.ReadFile(publicKey)
	if err != nil {
		return out, err
	}
	key, err := chain.ParsePublic(b)
	if err != nil {
		return out, fmt.Errorf("%s: %w", publicKey, err)
	}
	p := recording.Proof{Keys: []ed25519.PublicKey{key}}
	for _, name := range heads {
		h, err := readHead(name)
		if err != nil {
			return out, err
		}
		p.Heads = append(p.Heads, h)
	}
	if _, err := os.Stat(dir); err != nil {
		return out, err
	}
	faults, err := recording.Verify(dir, p, func(done, total int) {
		out.Checked = total
		if progress != nil {
			progress(done, total)
		}
	})
	out.Faults = wireFaults(faults)
	return out, err
}
