package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"hotline/control"
)

// What a terminal is told (ECMA-48, and xterm's private modes): another page without a cursor, and back.
const (
	screenOpen  = "\x1b[?1049h\x1b[?25l"
	screenClose = "\x1b[?25h\x1b[?1049l"
	screenHome  = "\x1b[H"
	lineRest    = "\x1b[K" // clear to the end of the line
	screenRest  = "\x1b[J" // and of the page
)

// A screen is a terminal that the board has for itself.
type screen struct {
	in, out *os.File
	was     *unix.Termios // nil: keys come from elsewhere
}

// openScreen takes the terminal; nil: the output is none.
func openScreen(t *terminal) (*screen, error) {
	out, ok := t.out.(*os.File)
	if !ok {
		return nil, nil
	}
	if _, err := unix.IoctlGetTermios(int(out.Fd()), unix.TCGETS); err != nil {
		return nil, nil
	}
	s := &screen{out: out}
	if in, ok := t.in.(*os.File); ok {
		if was, err := unix.IoctlGetTermios(int(in.Fd()), unix.TCGETS); err == nil {
			// Keys come as they are pressed and unseen. ^C stays a signal. A read ends after 0.1 s, so
			// that whoever reads sees that it is over.
			keys := *was
			keys.Lflag &^= unix.ICANON | unix.ECHO
			keys.Cc[unix.VMIN], keys.Cc[unix.VTIME] = 0, 1
			if err := unix.IoctlSetTermios(int(in.Fd()), unix.TCSETS, &keys); err != nil {
				return nil, fmt.Errorf("take the terminal: %w", err)
			}
			s.in, s.was = in, was
		}
	}
	if _, err := out.WriteString(screenOpen); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// widthOf is how many columns an output has, and whether it is a terminal, which may have colours.
func widthOf(w io.Writer) (columns int, terminal bool) {
	out, ok := w.(*os.File)
	if !ok {
		return plainWidth, false
	}
	size, err := unix.IoctlGetWinsize(int(out.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return plainWidth, false
	}
	if size.Col == 0 {
		return plainWidth, true
	}
	return int(size.Col), true
}

// close gives the terminal back as it was.
func (s *screen) close() {
	_, _ = s.out.WriteString(screenClose) // a terminal that has gone needs nothing
	if s.was != nil {
		_ = unix.IoctlSetTermios(int(s.in.Fd()), unix.TCSETS, s.was)
	}
}

// keys calls quit for q, until ctx is done.
func (s *screen) keys(ctx context.Context, quit func()) {
	if s.was == nil {
		return
	}
	b := make([]byte, 16)
	for ctx.Err() == nil {
		n, err := unix.Read(int(s.in.Fd()), b)
		if err != nil && err != unix.EINTR {
			quit() // the terminal has gone
			return
		}
		if strings.ContainsAny(string(b[:max(0, n)]), "qQ") {
			quit()
			return
		}
	}
}

// draw writes the board over the last one in one write, each line over its own: nothing flickers.
func (s *screen) draw(b control.Board, fault error) error {
	width, height := plainWidth, 24
	if size, err := unix.IoctlGetWinsize(int(s.out.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 && size.Row > 0 {
		width, height = int(size.Col), int(size.Row)
	}
	page := strings.Join(boardLines(b, fault, width, height), lineRest+"\r\n")
	_, err := s.out.WriteString(screenHome + page + lineRest + screenRest)
	return err
}
