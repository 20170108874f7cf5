//go:build linux

// Command relay measures what a relayed packet costs: the shipped media engine, without recording,
// with it and with encrypted recording, beside a goroutine a leg over net.UDPConn and a small C
// forwarder (../floor/floor.c), all in one run, alternating. Each design runs in a process of its own, on a core of its own, and is
// asked what CPU time it has used (getrusage); the telephones are this process. A window in which
// they were late is repeated, not believed. Run it by `make bench`.
package main
