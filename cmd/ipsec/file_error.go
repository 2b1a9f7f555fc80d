// SPDX-License-Identifier: Apache-2.0

package main

import "io"

// fileError is the error of a file that the user named, or of the output. Unlike one
// of the table it has nothing to do with what root may do or what the kernel can.
type fileError struct {
	what string // what was being done
	err  error
}

func (e *fileError) Error() string { return e.what + ": " + e.err.Error() }
func (e *fileError) Unwrap() error { return e.err }

// output tells errors of writing to w from others.
type output struct{ w io.Writer }

func (o output) Write(b []byte) (int, error) {
	n, err := o.w.Write(b)
	if err != nil {
		return n, &fileError{"write output", err}
	}
	return n, nil
}
