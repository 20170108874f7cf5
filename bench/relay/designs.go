//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"hotline/call"
	"hotline/media"
	"hotline/recording"
	"hotline/recording/vault"
)

// The designs, each run as a child of this program but for the floor, which is floor.c.
const (
	designFloor      = "floor"      // C, epoll, a socket a leg
	designGoroutines = "goroutines" // Go, a goroutine and a net.UDPConn a leg
	designOurs       = "ours"       // the shipped engine
	designRecorded   = "recorded"   // the shipped engine, every call recorded
	designEncrypted  = "encrypted"  // the same, every recording encrypted
)

var designs = []string{designFloor, designGoroutines, designOurs, designRecorded, designEncrypted}

// serve is a child: it reads the telephones' ports from standard input, one a line, makes a leg
// for each (2i and 2i+1 are a call), prints its ports and "ready", tells its CPU time in µs for
// each further line, and ends with its input.
func serve(design, dir string) error {
	in := bufio.NewScanner(os.Stdin)
	var phones []netip.AddrPort
	for in.Scan() && in.Text() != "end" {
		port, err := strconv.ParseUint(in.Text(), 10, 16)
		if err != nil {
			return err
		}
		phones = append(phones, netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(port)))
	}
	var ports []int
	var stop func()
	var err error
	if design == designGoroutines {
		ports, stop, err = goroutines(phones)
	} else {
		ports, stop, err = engine(phones, design, dir)
	}
	if err != nil {
		return err
	}
	for _, p := range ports {
		fmt.Println(p)
	}
	fmt.Println("ready")
	for in.Scan() {
		var u unix.Rusage
		if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
			return err
		}
		fmt.Println((u.Utime.Nano() + u.Stime.Nano()) / int64(time.Microsecond))
	}
	stop()
	return in.Err()
}

// engine joins legs of the shipped engine, and refuses any other.
func engine(phones []netip.AddrPort, design, dir string) (ports []int, stop func(), err error) {
	reg := prometheus.NewRegistry()
	e, err := media.New(media.Options{
		Listen: netip.MustParseAddr("127.0.0.1"), Ports: media.PortRange{First: 20000, Last: 29999}, Threads: 1,
		Log: zap.NewNop(), Metrics: reg,
	})
	if err != nil {
		return nil, nil, err
	}
	if e.Name() != "epoll" {
		return nil, nil, errors.New("this system's engine is " + e.Name() + "; the figures are of the shipped one, epoll")
	}
	var recorder *recording.Recorder
	record := design == designRecorded || design == designEncrypted
	if record {
		o := recording.Options{Dir: dir, Node: "bench", Zone: time.UTC, Format: recording.PCM16, Log: zap.NewNop(), Metrics: reg}
		if design == designEncrypted {
			if o.Vault, err = keyring(filepath.Join(dir, "keys")); err != nil {
				return nil, nil, err
			}
		}
		recorder, err = recording.New(o)
		if err != nil {
			return nil, nil, err
		}
	}
	var legs []*media.Leg
	id := call.NewID()
	for i, p := range phones {
		if i%2 == 0 {
			id = call.NewID()
		}
		l, err := e.NewLeg(media.LegOptions{Call: id, Role: call.RoleCaller})
		if err != nil {
			return nil, nil, err
		}
		l.Connect(media.Remote{Addr: p, Codec: call.PCMA, Send: true, Receive: true})
		legs, ports = append(legs, l), append(ports, l.Port())
		if i%2 == 0 {
			continue
		}
		if record {
			now := time.Now()
			g, err := recorder.Open(recording.Meta{Call: id, Line: "919", Arrived: now, Answered: now, Codec: call.PCMA})
			if err != nil {
				return nil, nil, err
			}
			g.Voice(true, "")
			legs[i-1].Tap(g)
		}
		if err := legs[i-1].Join(l); err != nil {
			return nil, nil, err
		}
	}
	return ports, func() { e.Close(); complain(reg) }, nil
}

// keyring has one recipient for recovery, as a server would.
func keyring(dir string) (*vault.Keyring, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	recipient, err := vault.NewIdentity(filepath.Join(dir, "recovery"))
	if err != nil {
		return nil, err
	}
	return vault.OpenKeyring(filepath.Join(dir, "epochs"), []string{recipient})
}

// complain tells of what an engine or a recorder that is overloaded or broken counts: then the
// figures are not what they seem. Relayed packets that are missing the telephones count.
func complain(reg *prometheus.Registry) {
	families, err := reg.Gather()
	if err != nil {
		fmt.Fprintln(os.Stderr, "relay:", err)
	}
	for _, f := range families {
		switch f.GetName() {
		case "hotline_media_dropped_packets_total", "hotline_recording_overflow_seconds_total",
			"hotline_recording_late_packets_total", "hotline_recording_disk_faults_total":
			for _, m := range f.GetMetric() {
				if m.GetCounter().GetValue() > 0 {
					fmt.Fprintf(os.Stderr, "\n%s %v\n", f.GetName(), m)
				}
			}
		}
	}
}

// goroutines is how one would write it first: a goroutine a leg that reads and writes.
func goroutines(phones []netip.AddrPort) (ports []int, stop func(), err error) {
	conns := make([]*net.UDPConn, len(phones))
	for i := range conns {
		if conns[i], err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}); err != nil {
			return nil, nil, err
		}
		ports = append(ports, conns[i].LocalAddr().(*net.UDPAddr).Port)
	}
	for i := range conns {
		go func() {
			b := make([]byte, 2048)
			seq := uint16(0)
			for {
				n, _, err := conns[i].ReadFromUDPAddrPort(b)
				if err != nil {
					return
				}
				b[2], b[3] = byte(seq>>8), byte(seq)
				seq++
				if _, err := conns[i^1].WriteToUDPAddrPort(b[:n], phones[i^1]); err != nil && !errors.Is(err, net.ErrClosed) {
					return
				}
			}
		}()
	}
	return ports, func() {
		for _, c := range conns {
			c.Close()
		}
	}, nil
}
