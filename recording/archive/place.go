package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
)

// A Place keeps files by name. Names have slashes, such as 2026/12/05/CALL.wav. What is there under
// its name is whole: a Put that was cut off leaves nothing under it.
type Place interface {
	// Put sends a file and returns when the place says that it has it. It goes on where an earlier
	// Put of the same file was cut off. It replaces what is there under the name. ErrMismatch says
	// that the place says it has something else.
	Put(ctx context.Context, name string, s Source) error

	// Stat says what is there; fs.ErrNotExist: nothing.
	Stat(ctx context.Context, name string) (Object, error)

	// Get opens what is there; fs.ErrNotExist: nothing. It reads no more than it is asked for.
	Get(ctx context.Context, name string) (Reader, error)

	// List gives all whose name begins with a prefix, in no order.
	List(ctx context.Context, prefix string) iter.Seq2[Object, error]

	// Delete removes all that begin with a prefix, also what an unfinished Put has left and older
	// versions. It is no error where there is nothing.
	Delete(ctx context.Context, prefix string) error
}

// A Reader reads what lies at a place.
type Reader interface {
	io.ReadSeekCloser
	io.ReaderAt
}

// An Object is a file at a place.
type Object struct {
	Name   string
	Size   int64  // bytes
	SHA256 string // in hex, as the place says; empty: it says nothing
}

// A Source is a file to be sent.
type Source struct {
	io.ReaderAt
	Size   int64                     // bytes
	SHA256 string                    // of the whole, in hex
	Meter  func(io.Reader) io.Reader // all that is sent is read through it; nil: nobody counts
}

// metered is a part of the source that counts as sent when it is read.
func (s Source) metered(r io.Reader) io.Reader {
	if s.Meter == nil {
		return r
	}
	return s.Meter(r)
}

// A Located is a place with a name.
type Located struct {
	Place
	Name  string // the label of metrics: dir or s3
	Where string // which one, in notes: file:///mnt/archive, https://HOST/BUCKET/PREFIX
}

// ErrMismatch says that a place gives back, or says that it has, something else than it was sent.
var ErrMismatch = errors.New("the place has something else than it was sent")

// ErrConflict says that there is another file under a recording's name already. It is not
// replaced: one of the two has been altered, and which one a person must find out.
var ErrConflict = errors.New("another file lies there under this name already; compare the two and remove the wrong one")

// An ownFault is one that a recording has, and not the place it is sent to.
type ownFault struct{ error }

func (f ownFault) Unwrap() error { return f.error }

func own(format string, args ...any) error { return ownFault{fmt.Errorf(format, args...)} }
