//go:build !linux

package sip

import (
	"errors"
	"net"
	"net/netip"
)

// Elsewhere a socket on all addresses sends from the one that the kernel's routing chooses.
const noteBytes = 0

func noteAddresses(*net.UDPConn) error { return errors.ErrUnsupported }

func noted([]byte) netip.Addr { return netip.Addr{} }

func noteOf(netip.Addr, bool) []byte { return nil }
