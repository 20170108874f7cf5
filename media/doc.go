// Package media is the sound of the house: it owns the RTP ports, speaks RTP and RTCP with
// every telephone, plays clips, puts two legs through to each other, reads the keys pressed and
// hands copies of the sound to a recorder.
//
// An Engine is a few loops, one a core, each on its own thread. A Leg lives on one loop; all it
// knows is touched by that loop alone, so there are no locks on the way of a packet, and nothing
// is allocated for one. Everybody else speaks to a leg by commands that are queued to its loop.
// Legs of the same call are put on the same loop; where two legs of different loops are joined,
// one of them moves.
//
// There are two ways to the network behind one interface: epoll with raw system calls on Linux,
// and a portable one over net.UDPConn for the rest of the world. Everything else (the outgoing
// stream, the 1 ms wheel, learning of addresses, keys, RTCP) is the same code for both, and the
// tests run against both.
package media
