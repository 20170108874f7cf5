package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"hotline/call"
	"hotline/media"
)

// Options are what a Server is made of.
type Options struct {
	Trunks TrunkOptions
	Phones PhoneOptions

	Media    *media.Engine
	Users    Users    // who may register
	Bindings Bindings // registrations, kept over a restart
	Dialogs  Dialogs  // dialogs, kept over a crash
	Log      *zap.Logger
	Security *zap.Logger // events that a firewall may act on; nil: Log, named "security"
	Metrics  prometheus.Registerer

	// Line says whether a dialled number is one of ours. False is answered 404.
	Line func(dialled string) bool

	// Serve takes each INVITE from a carrier that names a line, also one that cannot be
	// answered (Info.Unfit). It runs in a goroutine of its own; a panic in it ends its leg.
	// A leg that has not ended when Serve returns is hung up.
	Serve func(ctx context.Context, leg call.Leg)

	// ServePhone takes each authenticated INVITE from an operator's phone.
	ServePhone func(ctx context.Context, leg call.Leg)

	// Resolver finds carriers' hosts; nil takes the system's.
	Resolver Resolver

	// Outgoing bounds the calls that leave by a trunk, Numbers says how numbers are read, and
	// TrunksOf gives the names of the carriers that a line's calls leave by (none: all).
	Outgoing Outgoing
	Numbers  Numbers
	TrunksOf func(line string) []string

	// Trace is told of each message of each call; nil: nobody is.
	Trace Tracer

	// Limits bound the calls that are taken. Strain says how near the machine is to its end; nil: it
	// is not looked at. QueueFull says whether a caller who comes now is told that all lines are
	// busy; nil: never.
	Limits    Limits
	Strain    func() Strain
	QueueFull func() bool

	// Registered tells that a user became registered, or no longer is. fresh says that the
	// user was not registered before. A mere refresh is not told.
	Registered func(user string, registered, fresh bool)
}

// TrunkOptions are the public side: where carriers' calls come in.
type TrunkOptions struct {
	Listen    []string // "udp://host:port", or tcp, or tls; port 0 takes a free one
	Advertise string   // host for Via, Contact and SDP; empty: the address that reaches the peer
	Carriers  []Carrier
	TLS       TLSFiles // of the tls listeners, and shown to carriers that ask
}

// PhoneOptions are the operators' side.
type PhoneOptions struct {
	Listen    []string
	Advertise string
	Realm     string // of the digest; empty takes "hotline"
	NoMD5     bool   // only SHA-256 is offered: telephones that know only MD5 stay outside
	TLS       TLSFiles
}

// A Carrier is a peer whose INVITEs are calls.
type Carrier struct {
	Name   string
	From   []netip.Prefix // networks its signalling comes from
	Media  []netip.Prefix // networks its sound comes from; empty: From
	Called string         // where the dialled number stands: "request-uri" (also ""), or "to"

	// Of a carrier that takes calls of ours.
	To       []Host        // where requests go, in order
	Register Account       // as whom we register there; no user: not at all
	Options  time.Duration // how often its hosts are asked whether they live; 0: never
	Numbers  string        // how it wants numbers: "e164" (also ""), "national" or "as-is"
	Priority int           // lower goes first
	Weight   int           // share among those of one priority

	Calls int // at once, both ways; 0: no limit of its own

	// ShowHidden lets operators see the numbers that callers of this carrier withhold.
	ShowHidden bool
	TLS        CarrierTLS
}

// Dialogs remembers the live dialogs of this process, so that the next one can say BYE in those
// that a crash left behind. Put is called before each 200 and each ACK; it must not wait for a
// disk.
type Dialogs interface {
	Put(call.Dialog) error
	Remove(leg string) error
}

// Check says what is wrong with the options, each fault with the path in the configuration file.
func (o Options) Check() error {
	var faults []error
	fault := func(path, format string, a ...any) {
		faults = append(faults, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, a...)))
	}
	listens := func(path string, list []string, f TLSFiles) {
		for i, l := range list {
			at, err := parseListen(l)
			if err != nil {
				fault(fmt.Sprintf("%s.listen[%d]", path, i), "%v", err)
			}
			if at.network == "tls" && f.Certificate == "" {
				fault(fmt.Sprintf("%s.listen[%d]", path, i), "tls:// needs a certificate; name its files under %s.tls", path)
			}
		}
	}
	listens("sip.trunks", o.Trunks.Listen, o.Trunks.TLS)
	listens("sip.phones", o.Phones.Listen, o.Phones.TLS)
	names := make(map[string]bool)
	for i, c := range o.Trunks.Carriers {
		at := fmt.Sprintf("sip.trunks.carriers[%d]", i)
		if c.Name == "" {
			fault(at+".name", "is empty; give the carrier a name")
		}
		if names[c.Name] {
			fault(at+".name", "%q is the name of two carriers", c.Name)
		}
		names[c.Name] = true
		if len(c.From) == 0 && len(c.To) == 0 {
			fault(at+".from", "is empty; name the networks the carrier calls from, like 203.0.113.0/24")
		}
		if c.Called != "" && c.Called != "request-uri" && c.Called != "to" {
			fault(at+".called", "%q is unknown; use request-uri or to", c.Called)
		}
	}
	for path, host := range map[string]string{"sip.trunks.advertise": o.Trunks.Advertise, "sip.phones.advertise": o.Phones.Advertise} {
		if strings.ContainsAny(host, " \t\r\n<>;,@/\"") {
			fault(path, "%q is no host name or address", host)
		}
		if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && a.IsUnspecified() {
			fault(path, "%q is no address that anybody can reach", host)
		}
	}
	if strings.ContainsAny(o.Phones.Realm, "\"\\\r\n") {
		fault("sip.phones.realm", "%q holds a quote, a backslash or a line end", o.Phones.Realm)
	}
	return errors.Join(faults...)
}

// complete says which of the parts that the program itself must hand over are absent.
func (o Options) complete() error {
	absent := func(name string) error { return fmt.Errorf("sip: Options.%s is absent", name) }
	switch {
	case o.Media == nil:
		return absent("Media")
	case o.Users == nil:
		return absent("Users")
	case o.Bindings == nil:
		return absent("Bindings")
	case o.Dialogs == nil:
		return absent("Dialogs")
	case o.Log == nil:
		return absent("Log")
	case o.Metrics == nil:
		return absent("Metrics")
	case o.Line == nil:
		return absent("Line")
	case o.Serve == nil:
		return absent("Serve")
	case o.ServePhone == nil:
		return absent("ServePhone")
	}
	return nil
}

// A listenAddress is one entry of a listen list.
type listenAddress struct {
	network string // "udp", "tcp" or "tls"
	at      netip.AddrPort
}

// parseListen reads "udp://127.0.0.1:5060".
func parseListen(s string) (listenAddress, error) {
	network, rest, ok := strings.Cut(s, "://")
	if !ok || (network != "udp" && network != "tcp" && network != "tls") {
		return listenAddress{}, fmt.Errorf("%q is no listener; write udp://ADDRESS:PORT, or tcp:// or tls://", s)
	}
	at, err := netip.ParseAddrPort(rest)
	if err != nil {
		return listenAddress{}, fmt.Errorf("%q is no listener; after %s:// comes an IP address and a port, like 0.0.0.0:5060", s, network)
	}
	if at.Addr().Zone() != "" || at.Addr().Is4In6() {
		return listenAddress{}, fmt.Errorf("%q is no listener; its address must mean the same to everybody, without a zone and in its own family", s)
	}
	return listenAddress{network: network, at: at}, nil
}
