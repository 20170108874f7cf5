package media

import (
	"net/netip"
)

// A network is one way to the wire. Everything above it is the same for all.
type network interface {
	name() string
	// open binds one UDP socket. Any goroutine may call it.
	open(at netip.AddrPort) (socket, error)
	// poller makes the ears of one loop.
	poller(lp *loop) (poller, error)
}

// A poller waits for datagrams on behalf of one loop. Only wake may be called from elsewhere.
type poller interface {
	// wait hands waiting datagrams to loop.take. Where none is there it waits for one, for a
	// wake, or until the given time of the engine's clock in nanoseconds. Between its waiting
	// and its handing over it calls loop.turn.
	wait(until int64)
	// wake ends a wait that is going on, or the next one.
	wake()
	close()
}

// A socket is one UDP port of a leg. After attach it is used by the leg's loop alone.
type socket interface {
	attach(p poller, owner *port) error
	detach(p poller)
	send(b []byte, to netip.AddrPort) error
	// pin has the kernel drop what does not come from the given address, and find the way there
	// once instead of for each packet. unpin undoes it. Both are free to do nothing.
	pin(to netip.AddrPort)
	unpin()
	close()
}

// A port is the end of a leg at one of its sockets.
type port struct {
	leg    *Leg
	rtcp   bool
	socket socket
}

// plain is the address without the disguises of IPv4 in IPv6, so that addresses compare.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
