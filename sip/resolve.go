package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
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

// A Resolver looks names up. *net.Resolver is one; no look-up ever waits on the way of a call.
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	LookupSRV(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

const (
	lookupLimit  = 2 * time.Second  // of all look-ups for one carrier
	lookupEvery  = 60 * time.Second // the library does not tell the TTL of an answer
	lookupSoon   = 5 * time.Second  // after one that failed
	maxAddresses = 16               // of one carrier
)

// resolve finds the addresses of a carrier's hosts, in the order to be tried (RFC 3263 §4): of each
// host by SRV priority and weight, or its addresses. What fails leaves the other hosts; with none
// left there is an error.
func resolve(ctx context.Context, r Resolver, trunk string, hosts []Host) ([]target, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupLimit)
	defer cancel()
	var found []target
	var fault error
	for _, h := range hosts {
		list, err := resolveHost(ctx, r, h)
		if err != nil {
			fault = err
			continue
		}
		for _, at := range list {
			t := target{transport: h.transport(), at: at, trunk: trunk, host: h.Host}
			if len(found) < maxAddresses && !slices.Contains(found, t) {
				found = append(found, t)
			}
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("find the addresses of %s: %w", trunk, fault)
	}
	return found, nil
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
	for _, srv := range bySRV(records) {
		if list, err := addresses(ctx, r, strings.TrimSuffix(srv.Target, "."), srv.Port); err == nil {
			out = append(out, list...)
		}
	}
	return out
}

// bySRV puts records in the order of RFC 2782: by priority, and by weight at random among equals.
func bySRV(records []*net.SRV) []*net.SRV {
	left := slices.Clone(records)
	slices.SortStableFunc(left, func(a, b *net.SRV) int { return int(a.Priority) - int(b.Priority) })
	var out []*net.SRV
	for len(left) > 0 {
		same, sum := 0, 0
		for same < len(left) && left[same].Priority == left[0].Priority {
			sum += int(left[same].Weight)
			same++
		}
		i := weighted(same, rand.IntN(sum+1), func(i int) int { return int(left[i].Weight) })
		out = append(out, left[i])
		left = slices.Delete(left, i, i+1)
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
