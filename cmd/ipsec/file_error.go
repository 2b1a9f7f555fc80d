// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// fileError is the error of a file that the user named, or of the output. Unlike one
// of the table it has nothing to do with what root may do or what the kernel can.
type fileError struct {
	what string // what was being done
	err  error
}

func (e *fileError) Error() string { return e.what + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// output tells errors of writing to w from others.
type output struct {
	w    io.Writer
	what string // as in fileError
}

func (o output) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	if err != nil {
		return n, &fileError{o.what, withoutPath(err)}
	}
	return n, nil
}

// withoutPath takes the path out of an error: that of a temporary file is no file that
// the user named.
func withoutPath(err error) error {
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
