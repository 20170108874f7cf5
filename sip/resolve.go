package sip

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// A Host is where a carrier takes requests of ours.
type Host struct {
	Host      string // a name or an address
	Port      uint16 // 0: what DNS says, else the default of the transport
	Transport string // "udp" (also ""), "tcp" or "tls"
}

func (h Host) transport() string {
	if h.Transport == "" {
		return "udp"
	}
	return h.Transport
}

// A Resolver looks names up; *net.Resolver is one. SRV records come in the order to be tried (RFC
// 2782). No look-up ever waits on the way of a call.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

const (
	lookupLimit  = 2 * time.Second  // of one host
	lookupEvery  = 60 * time.Second // the library does not tell the TTL of an answer
	lookupSoon   = 5 * time.Second  // after one that failed; doubled up to lookupEvery
	maxAddresses = 16               // of one carrier
)

// find looks up the addresses of a carrier's hosts, all at once, each in the order to be tried (RFC
// 3263 §4). What is not found keeps what was known of it, so that a name server that fails takes
// nobody away; err says that there was one.
func find(ctx context.Context, r Resolver, hosts []Host, known [][]netip.AddrPort) (found [][]netip.AddrPort, err error) {
	found = make([][]netip.AddrPort, len(hosts))
	copy(found, known)
	faults := make([]error, len(hosts))
	var wg sync.WaitGroup
	for i, h := range hosts {
		wg.Go(func() {
			limited, cancel := context.WithTimeout(ctx, lookupLimit)
			defer cancel()
			list, err := resolveHost(limited, r, h)
			if faults[i] = err; err == nil {
				found[i] = list
			}
		})
	}
	wg.Wait()
	return found, errors.Join(faults...)
}

// targetsOf puts the addresses of a carrier's hosts into one list, each once.
func targetsOf(trunk string, hosts []Host, found [][]netip.AddrPort) (out []target) {
	for i, h := range hosts {
		for _, at := range found[i] {
			t := target{transport: h.transport(), at: at, trunk: trunk, host: h.Host}
			if len(out) < maxAddresses && !slices.ContainsFunc(out, t.samePlace) {
				out = append(out, t)
			}
		}
	}
	return out
}

// samePlace says that two targets are one, by whatever name.
func (t target) samePlace(other target) bool {
	return t.transport == other.transport && t.at == other.at
}

func resolveHost(ctx context.Context, r Resolver, h Host) ([]netip.AddrPort, error) {
	port := h.Port
	if port == 0 {
		port = 5060
		if h.transport() == "tls" {
			port = 5061
		}
	}
	if a, err := netip.ParseAddr(strings.Trim(h.Host, "[]")); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(a.Unmap(), port)}, nil
	}
	if h.Port == 0 {
		if list := resolveSRV(ctx, r, h); len(list) > 0 {
			return list, nil
		}
	}
	return addresses(ctx, r, h.Host, port)
}

// resolveSRV is the addresses behind SRV records, in their order; none where there are no records.
func resolveSRV(ctx context.Context, r Resolver, h Host) (out []netip.AddrPort) {
	service, proto := "sip", h.transport()
	if proto == "tls" {
		service, proto = "sips", "tcp"
	}
	_, records, err := r.LookupSRV(ctx, service, proto, h.Host)
	if err != nil {
		return nil
	}
	for _, srv := range records {
		if list, err := addresses(ctx, r, strings.TrimSuffix(srv.Target, "."), srv.Port); err == nil {
			out = append(out, list...)
		}
	}
	return out
}

// weighted is the first of n whose running sum of weights reaches pick.
func weighted(n, pick int, weight func(int) int) int {
	sum := 0
	for i := range n {
		if sum += weight(i); sum >= pick {
			return i
		}
	}
	return n - 1
}

func addresses(ctx context.Context, r Resolver, host string, port uint16) ([]netip.AddrPort, error) {
	found, err := r.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, err
	}
	var out []netip.AddrPort
	for _, a := range found {
		out = append(out, netip.AddrPortFrom(a.Unmap(), port))
	}
	return out, nil
}
