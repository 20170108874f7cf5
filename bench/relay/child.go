//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// A child is a relay that is measured, on the other core.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Scanner
}

func start(design, floor, dir string, legs int) (*child, error) {
	c := &child{cmd: exec.Command(os.Args[0], "-serve", design, "-dir", dir)}
	if design == designFloor {
		c.cmd = exec.Command(floor, strconv.Itoa(legs))
	}
	// On one core Go would run one goroutine at a time, which is not how the server runs here.
	c.cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(runtime.NumCPU()))
	c.cmd.Stderr = os.Stderr
	var err error
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewScanner(out)
	// A child is born on its parent's core.
	if err := pin(1); err != nil {
		return nil, err
	}
	return c, errors.Join(c.cmd.Start(), pin(0))
}

func (c *child) end() error {
	c.in.Close()
	for c.out.Scan() {
	}
	return c.cmd.Wait()
}

// ports reads what the child prints until it is ready.
func (c *child) ports() (ports []int, err error) {
	for c.out.Scan() {
		if c.out.Text() == "ready" {
			return ports, nil
		}
		p, err := strconv.Atoi(strings.TrimSpace(c.out.Text()))
		if err != nil {
			return nil, fmt.Errorf("the relay said %q", c.out.Text())
		}
		ports = append(ports, p)
	}
	return nil, errors.New("the relay ended before it was ready")
}

// used asks for the CPU time that the child has used, in µs.
func (c *child) used() (float64, error) {
	if _, err := fmt.Fprintln(c.in, "used"); err != nil {
		return 0, err
	}
	if !c.out.Scan() {
		return 0, errors.New("the relay has ended")
	}
	return strconv.ParseFloat(c.out.Text(), 64)
}
