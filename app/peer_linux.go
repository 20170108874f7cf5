package app

import (
	"net"

	"golang.org/x/sys/unix"
)

// peer says which user of the machine is at the other end of a unix socket (unix(7), SO_PEERCRED). Nobody can
// pretend to be another there.
func peer(c net.Conn) string {
	const unknown = "console, uid unknown"
	u, ok := c.(*net.UnixConn)
	if !ok {
		return unknown
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return unknown
	}
	said := unknown
	if err := raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			said = console(int(cred.Uid))
		}
	}); err != nil {
		return unknown
	}
	return said
}
