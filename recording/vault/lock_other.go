//go:build !unix

package vault

import "os"

// lock does nothing where there is no flock(2): there, rotate while nothing is erased.
func lock(*os.File) error { return nil }

// ownAs does nothing there either.
func ownAs(*os.File, *os.Root, string) error { return nil }
