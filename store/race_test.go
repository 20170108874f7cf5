//go:build race

package store

// raced says that the race detector makes SQL ten times slower.
const raced = true
