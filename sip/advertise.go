package sip

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
)

// advertiser knows which host of ours a peer can reach. A wildcard is never told to anybody.
type advertiser struct {
	host string     // configured, may be a name
	addr netip.Addr // the same as an address, for SDP
	bind netip.Addr // where media listens, may be unspecified or invalid

	mu    sync.Mutex
	known map[netip.Addr]netip.Addr // peer to the local address that reaches it
}

// advertisedPeers bounds the memory of routes; it is emptied when full, and each minute by age.
const advertisedPeers = 1024

// resolve finds the address of an advertised name, once, at start.
func (a *advertiser) resolve() error {
	if a.host == "" {
		return nil
	}
	a.host = strings.Trim(a.host, "[]")
	if addr, err := netip.ParseAddr(a.host); err == nil {
		a.addr = addr.Unmap()
		return nil
	}
	found, err := net.LookupIP(a.host)
	if err != nil {
		return fmt.Errorf("find the address of the advertised host %s: %w", a.host, err)
	}
	for _, ip := range found {
		addr, ok := netip.AddrFromSlice(ip)
		if ok && (!a.addr.IsValid() || addr.Unmap().Is4()) {
			a.addr = addr.Unmap()
		}
	}
	return nil
}

// signalling is our host for Via and Contact towards the peer of f.
func (a *advertiser) signalling(f flow) string {
	if a.host != "" {
		return a.host
	}
	return a.ours(f).String()
}

// ours is the address of ours that the peer of f knows or can reach.
func (a *advertiser) ours(f flow) netip.Addr {
	if at := f.local().Addr(); at.IsValid() && !at.IsUnspecified() {
		return at
	}
	return a.towards(f.peer.Addr())
}

// sound is our address for SDP towards the peer of f. Where sound is IPv4 alone and the peer is
// not, it is IPv4 all the same, and the offer and answer will not agree.
func (a *advertiser) sound(f flow) netip.Addr {
	switch {
	case a.addr.IsValid():
		return a.addr
	case a.bind.IsValid() && !a.bind.IsUnspecified():
		return a.bind
	}
	if at := a.ours(f); !a.bind.Is4() || at.Is4() {
		return at
	}
	return a.bind
}

// soundLocal is the one address of ours that sound uses: the one that SDP names, unless that is
// what a NAT before us is called.
func (a *advertiser) soundLocal(f flow) netip.Addr {
	if a.addr.IsValid() {
		return netip.Addr{}
	}
	return a.sound(f)
}

// towards asks the kernel's routing which of our addresses reaches peer, by connecting a UDP
// socket, which sends nothing.
func (a *advertiser) towards(peer netip.Addr) netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	if at, ok := a.known[peer]; ok {
		return at
	}
	at := netip.IPv6Loopback()
	if peer.Is4() {
		at = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	if c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(peer, 9))); err == nil {
		at = unmap(c.LocalAddr().(*net.UDPAddr).AddrPort()).Addr()
		_ = c.Close() // nothing was sent, nothing can fail
	}
	if a.known == nil || len(a.known) >= advertisedPeers {
		a.known = make(map[netip.Addr]netip.Addr)
	}
	a.known[peer] = at
	return at
}

// forget empties the memory of routes, which change when an interface does.
func (a *advertiser) forget() {
	a.mu.Lock()
	a.known = nil
	a.mu.Unlock()
}
