// SPDX-License-Identifier: Apache-2.0

// Package files writes output files: regular files atomically, devices without replacing them, and spooled where
// the reader may be slow.
package files

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Error is an error of a file that the user named, or of the output. Unlike errors of the table, missing
// privileges or kernel features do not explain it.
type Error struct {
	What string // the failed operation
	Err  error
}

func (e *Error) Error() string { return e.What + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Output writes to W. Its errors are of type [Error].
type Output struct {
	W    io.Writer
	What string // as in Error
}

func (o Output) Write(b []byte) (int, error) {
	n, err := o.W.Write(b)
	if err != nil {
		return n, &Error{o.What, WithoutPath(err)}
	}
	return n, nil
}

// WithoutPath removes the path from an error, for temporary files, which the user did not name.
func WithoutPath(err error) error {
	if wrong, ok := errors.AsType[*fs.PathError](err); ok {
		return wrong.Err
	}
	if wrong, ok := errors.AsType[*os.LinkError](err); ok {
		return wrong.Err
	}
	if errno, ok := errors.AsType[unix.Errno](err); ok { // of a socket
		return errno
	}
	return err
}
