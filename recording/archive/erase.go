package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"hotline/recording/durable"
)

// marksFolder has what we remember: CALL.erase for each recording that is still to be erased.
const (
	marksFolder = "away"
	markExt     = ".erase"
)

// A mark says that a recording is erased, and who has not done it yet. It stays as long as that, and
// as long as the sound lies here: what is being erased is not to be sent again.
type mark struct {
	Stem  string    `json:"stem"`
	Asked time.Time `json:"asked"`
	Owed  []string  `json:"owed"` // wheres of places
}

// An Owed is a recording that was erased and of which places still have a copy.
type Owed struct {
	Stem   string
	Asked  time.Time
	Places []string // where
}

// An OwedError says that a recording is not erased everywhere yet. It is remembered on the disk, and
// tried until it is done.
type OwedError struct {
	Places []string // where
	Why    error
}

func (e *OwedError) Error() string {
	return fmt.Sprintf("not erased yet at %s, it is tried until it is: %v", strings.Join(e.Places, ", "), e.Why)
}

func (e *OwedError) Unwrap() error { return e.Why }

// Erase takes a recording from all places: each of its files, older versions and what unfinished
// uploads have left. told is its path, as Stem takes it. An *OwedError says that some place has not
// done it yet. Any other error says that nothing was noted, and nothing erased. What lies here stays
// and is the caller's to remove, except for CALL.away: the sound before or after, in any order.
func (a *Archive) Erase(ctx context.Context, told string) error {
	stem, ok := Stem(told)
	if !ok {
		return fmt.Errorf("erase: %q is no recording, write it as 2026/12/05/CALL", told)
	}
	if marked, err := a.markErased(stem); err != nil {
		return fmt.Errorf("erase %s: %w", stem, err)
	} else if !marked {
		return nil
	}
	var errs []error
	for i, p := range a.o.Places {
		if err := a.eraseAt(ctx, stem, i); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.Name, err))
		}
	}
	if err := a.settleMark(stem); err != nil {
		errs = append(errs, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.erasing[stem]
	if m == nil || len(m.Owed) == 0 {
		return errors.Join(errs...)
	}
	a.queueErasures(stem, m, a.clock.Now().Add(firstRest))
	a.wake()
	if len(errs) == 0 {
		errs = append(errs, errors.New("the configuration does not know the place any more; delete the copy by hand, then its .erase file in recordings/away"))
	}
	return &OwedError{slices.Clone(m.Owed), errors.Join(errs...)}
}

// Erasing are the recordings that places still have to erase.
func (a *Archive) Erasing() (all []Owed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.owing() {
		all = append(all, Owed{m.Stem, m.Asked, slices.Clone(m.Owed)})
	}
	slices.SortFunc(all, func(a, b Owed) int { return strings.Compare(a.Stem, b.Stem) })
	return all
}

// owing are their marks. The lock is held.
func (a *Archive) owing() (all []*mark) {
	for _, m := range a.erasing {
		if len(m.Owed) > 0 {
			all = append(all, m)
		}
	}
	return all
}

func (a *Archive) isErasing(stem string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.erasing[stem] != nil
}

// markErased puts the mark of a recording on the disk, and ends what is being sent of it. false: it lies here alone,
// and there is nothing to remember.
func (a *Archive) markErased(stem string) (bool, error) {
	n, err := readNote(a.root, stem)
	if err != nil {
		a.log.Warn("a note cannot be read; the recording is erased at the places that the configuration names", zap.Error(err))
	}
	a.marks.Lock()
	defer a.marks.Unlock()
	m := &mark{Stem: stem, Asked: a.clock.Now().UTC(), Owed: n.at()}
	for _, p := range a.o.Places {
		m.owe(p.Where)
	}
	a.mu.Lock()
	old := a.erasing[stem]
	if old != nil { // it was asked before
		m.Asked = old.Asked
		for _, where := range old.Owed {
			m.owe(where)
		}
	}
	a.mu.Unlock()
	if old == nil && len(m.Owed) == 0 {
		return false, ignore(a.root.Remove(stem+noteExt), fs.ErrNotExist)
	}
	if err := a.storeMark(m); err != nil {
		return false, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.erasing[stem] = m
	for _, cancel := range a.sending[stem] {
		cancel()
	}
	return true, nil
}

// owe adds a place to those that have not erased it.
func (m *mark) owe(where string) {
	if !slices.Contains(m.Owed, where) {
		m.Owed = append(m.Owed, where)
	}
}

func markPath(stem string) string { return path.Join(marksFolder, path.Base(stem)+markExt) }

// storeMark leaves a mark on the disk.
func (a *Archive) storeMark(m *mark) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := makeMarks(a.root); err != nil {
		return err
	}
	return durable.Replace(a.root, markPath(m.Stem), append(b, '\n'), fileMode)
}

// loadMarks reads the marks that an earlier process has left.
func (a *Archive) loadMarks() error {
	entries, err := fs.ReadDir(a.root.FS(), marksFolder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	for _, e := range entries {
		if path.Ext(e.Name()) != markExt {
			continue
		}
		b, err := a.root.ReadFile(path.Join(marksFolder, e.Name()))
		if err != nil {
			return err
		}
		m := &mark{}
		if err := json.Unmarshal(b, m); err != nil {
			return fmt.Errorf("%s/%s/%s cannot be read; it says what is to be erased: %w", folderName, marksFolder, e.Name(), err)
		}
		if stem, ok := Stem(m.Stem); !ok || path.Base(stem)+markExt != e.Name() {
			return fmt.Errorf("%s/%s/%s names the recording %q, which is not its own", folderName, marksFolder, e.Name(), m.Stem)
		}
		a.erasing[m.Stem] = m
	}
	return nil
}

// queueErasures puts a recording into the lines of the places that have not erased it. The lock is
// held.
func (a *Archive) queueErasures(stem string, m *mark, due time.Time) {
	for i, p := range a.o.Places {
		if slices.Contains(m.Owed, p.Where) {
			a.lane(erases, i).add(stem, m.Asked, due)
		}
	}
}

// eraseAt takes a recording from one place, and notes that it has.
func (a *Archive) eraseAt(ctx context.Context, stem string, i int) error {
	defer a.locks.take(stem)()
	p := a.o.Places[i]
	a.mu.Lock()
	m := a.erasing[stem]
	owed := m != nil && slices.Contains(m.Owed, p.Where)
	a.mu.Unlock()
	if !owed {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	prefix := stem + "."
	if err := p.Delete(ctx, prefix); err != nil {
		return fmt.Errorf("erase at %s: %w", p.Name, err)
	}
	for o, err := range p.List(ctx, prefix) { // a place that says it has deleted is not believed
		if err != nil {
			return fmt.Errorf("erase at %s: %w", p.Name, err)
		}
		return fmt.Errorf("%w: %s still has %s, which it said to have deleted", ErrMismatch, p.Name, path.Base(o.Name))
	}
	return a.paid(stem, p.Where)
}

// paid notes that a place has erased a recording.
func (a *Archive) paid(stem, where string) error {
	a.marks.Lock()
	defer a.marks.Unlock()
	a.mu.Lock()
	m := a.erasing[stem]
	left := *m
	left.Owed = slices.DeleteFunc(slices.Clone(m.Owed), func(w string) bool { return w == where })
	a.mu.Unlock()
	if err := a.storeMark(&left); err != nil {
		return ownFault{err}
	}
	a.mu.Lock()
	m.Owed = left.Owed
	a.mu.Unlock()
	if len(left.Owed) > 0 {
		return nil
	}
	a.event(stem, "recording.away_erased", nil)
	return a.forget(stem, m)
}

// settleMark is forget for whoever does not have the recording alone.
func (a *Archive) settleMark(stem string) error {
	defer a.locks.take(stem)()
	a.marks.Lock()
	defer a.marks.Unlock()
	a.mu.Lock()
	m := a.erasing[stem]
	owed := m != nil && len(m.Owed) > 0
	a.mu.Unlock()
	if m == nil || owed {
		return nil
	}
	return a.forget(stem, m)
}

// settleMarks ends all erasures that are over.
func (a *Archive) settleMarks() error {
	a.mu.Lock()
	var stems []string
	for stem := range a.erasing {
		stems = append(stems, stem)
	}
	a.mu.Unlock()
	var errs []error
	for _, stem := range stems {
		errs = append(errs, a.settleMark(stem))
	}
	return errors.Join(errs...)
}

// forget ends an erasure that nobody owes any more: the note goes, and the mark, unless the sound
// still lies here.
func (a *Archive) forget(stem string, m *mark) error {
	if err := ignore(a.root.Remove(stem+noteExt), fs.ErrNotExist); err != nil {
		return ownFault{err}
	}
	for _, ext := range soundExts {
		if _, err := a.root.Lstat(stem + ext); err == nil {
			return nil
		} else if !errors.Is(err, fs.ErrNotExist) {
			return ownFault{err}
		}
	}
	if err := ignore(a.root.Remove(markPath(m.Stem)), fs.ErrNotExist); err != nil {
		return ownFault{err}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.erasing, stem)
	return nil
}
