package store

import (
	"context"
	"errors"
	"fmt"

	"hotline/call"
)

// Bindings are the registrations of phones, remembered over a restart.
type Bindings struct {
	s *Store
}

// Bindings returns the part of the store that the registrar speaks to.
func (s *Store) Bindings() *Bindings { return &Bindings{s} }

// Load returns all bindings that were saved and not removed, by user and contact. Whether one
// has expired is for the registrar to say, which removes it then.
func (b *Bindings) Load() ([]call.Binding, error) {
	ctx, cancel := context.WithTimeout(context.Background(), flushTime)
	defer cancel()
	if err := b.s.Flush(ctx); err != nil {
		return nil, fmt.Errorf("load bindings: %w", err)
	}
	return query(ctx, b.s.reader, scanJSON[call.Binding], `SELECT state FROM bindings ORDER BY user, contact`)
}

// Save writes a binding over the one of the same user and contact. Like everything a call
// writes, it goes to the spool and survives the death of the process from then on.
func (b *Bindings) Save(v call.Binding) error {
	if v.User == "" || v.Contact == "" {
		return errors.New("a binding needs a user and a contact")
	}
	return b.s.put(kindBinding, v)
}

// Remove forgets a binding. One that is not known is no error.
func (b *Bindings) Remove(user, contact string) error {
	return b.s.put(kindUnbinding, bindingKey{User: user, Contact: contact})
}
