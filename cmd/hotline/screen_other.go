//go:build !linux

package main

import (
	"context"
	"io"

	"hotline/control"
)

// A screen is known on Linux only: elsewhere the board is text.
type screen struct{}

func openScreen(*terminal) (*screen, error)     { return nil, nil }
func (*screen) close()                          {}
func (*screen) keys(context.Context, func())    {}
func (*screen) draw(control.Board, error) error { return nil }

// widthOf is known on Linux only.
func widthOf(io.Writer) (columns int, terminal bool) { return plainWidth, false }
