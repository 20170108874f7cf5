// Command relay measures what a relayed packet costs: the shipped media engine, with and without
// recording, beside a goroutine a leg over net.UDPConn and a small C forwarder (../floor/floor.c), all in
// one run, alternating. Each design runs in a process of its own whose CPU time the kernel tells;
// the telephones are this process. A window in which the generator was late is repeated, not
// believed. Run it by `make bench`.
package main
