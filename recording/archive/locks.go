package archive

import "sync"

// locks are one for each recording that somebody works on. Sending it to several places shares it,
// erasing it or removing its sound here does not.
type locks struct {
	mu  sync.Mutex
	all map[string]*lock
}

type lock struct {
	sync.RWMutex
	users int
}

func (k *locks) of(stem string) *lock {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.all == nil {
		k.all = map[string]*lock{}
	}
	l := k.all[stem]
	if l == nil {
		l = &lock{}
		k.all[stem] = l
	}
	l.users++
	return l
}

func (k *locks) leave(stem string, l *lock) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if l.users--; l.users == 0 {
		delete(k.all, stem)
	}
}

// share waits until nobody has the recording alone.
func (k *locks) share(stem string) (leave func()) {
	l := k.of(stem)
	l.RLock()
	return func() { l.RUnlock(); k.leave(stem, l) }
}

// take waits until nobody else works on the recording.
func (k *locks) take(stem string) (leave func()) {
	l := k.of(stem)
	l.Lock()
	return func() { l.Unlock(); k.leave(stem, l) }
}
