// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"io"

	"github.com/ipsec-eroute/eroute/internal/files"
)

// fromTable prints the output of write, which reads the table. The output is spooled and printed after the table
// is closed, so that commands do not wait for a slow reader.
func (c *command) fromTable(write func(t table, w io.Writer) error) (err error) {
	t, err := c.openForReading()
	if err != nil {
		return err
	}
	s := &files.Spool{}
	defer func() { err = errors.Join(err, s.Close()) }()
	w := bufio.NewWriter(s)
	if err := errors.Join(write(t, w), w.Flush(), t.Close()); err != nil {
		return err
	}
	_, err = s.WriteTo(c.out)
	return err
}
