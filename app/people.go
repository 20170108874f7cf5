package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"

	"hotline/call"
	"hotline/call/wire"
	"hotline/desk"
	"hotline/store"
)

// people change the store's users and tell the floor.
type people struct {
	s       *store.Store
	realm   string
	changed func(context.Context) error
}

func (p people) List(ctx context.Context) ([]wire.User, error) {
	users, err := p.s.Users(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]wire.User, len(users))
	for i, u := range users {
		out[i] = wire.User{Name: u.Name, Role: u.Role, Queues: u.Queues, Skills: wire.Skills(u.Skills), Phone: u.Phone, AutoAnswer: u.AutoAnswer, Disabled: u.Disabled, Languages: []string{}}
		for _, l := range u.Languages {
			out[i].Languages = append(out[i].Languages, string(l))
		}
		if u.Queues == nil {
			out[i].Queues = []string{}
		}
	}
	return out, nil
}

func (p people) Add(ctx context.Context, n wire.NewUser) (made wire.MadeUser, err error) {
	u := store.User{Name: n.Name, Role: n.Role, Queues: n.Queues, Skills: n.Skills, AutoAnswer: n.AutoAnswer}
	for _, l := range n.Languages {
		u.Languages = append(u.Languages, call.Language(l))
	}
	if err := u.Check(); err != nil {
		return made, fmt.Errorf("%w: %w", desk.ErrInvalid, err)
	}
	made.Name = n.Name
	if n.MakePassword {
		n.Password = newPassword()
		made.Password = n.Password
	}
	if err := p.s.AddUser(ctx, u, n.Password); err != nil {
		return made, known(err)
	}
	switch {
	case n.SIPSecret != "":
		err = p.s.SetSIPSecret(ctx, n.Name, p.realm, n.SIPSecret)
		made.SIP = &wire.SIP{User: n.Name, Secret: n.SIPSecret}
	case n.Phone:
		made.SIP = &wire.SIP{User: n.Name}
		made.SIP.Secret, err = p.s.MakePhone(ctx, n.Name, p.realm)
	}
	if err != nil {
		return made, err
	}
	return made, p.changed(ctx)
}

// newPassword is 15 random bytes as text: 120 bits.
func newPassword() string {
	b := make([]byte, 15)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

func (p people) Change(ctx context.Context, name string, to wire.UserChange) error {
	var errs []error
	if to.AutoAnswer != nil {
		errs = append(errs, p.s.SetAutoAnswer(ctx, name, *to.AutoAnswer))
	}
	if to.Skills != nil {
		errs = append(errs, p.s.SetSkills(ctx, name, *to.Skills))
	}
	if to.Queues != nil {
		errs = append(errs, p.s.SetQueues(ctx, name, *to.Queues))
	}
	return errors.Join(known(errors.Join(errs...)), p.changed(ctx))
}

func (p people) Disable(ctx context.Context, name string) error {
	if err := p.s.DisableUser(ctx, name); err != nil {
		return known(err)
	}
	return p.changed(ctx)
}

func (p people) SetPassword(ctx context.Context, name, password string) error {
	return known(p.s.SetPassword(ctx, name, password))
}
