// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// spoolMemory is how much output is kept in memory before it goes to a temporary file.
const spoolMemory = 1 << 20

// spool takes output whose reader may be slow, such as a pager, so that the table's lock
// need not be held until it has read all.
type spool struct {
	start bytes.Buffer
	file  *os.File // the rest, once start is full; has no name
}

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.start.Len()+len(p) <= spoolMemory {
		return s.start.Write(p)
	}
	if s.file == nil {
		f, err := os.CreateTemp("", "ipsec-")
		if err != nil {
			return 0, fmt.Errorf("keep output: %w", err)
		}
		s.file = f
		if err := os.Remove(f.Name()); err != nil {
			return 0, fmt.Errorf("keep output: %w", err)
		}
	}
	return s.file.Write(p)
}

// WriteTo writes what was taken.
func (s *spool) WriteTo(w io.Writer) (int64, error) {
	n, err := s.start.WriteTo(w)
	if err != nil || s.file == nil {
		return n, err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return n, fmt.Errorf("read kept output: %w", err)
	}
	more, err := io.Copy(w, s.file)
	return n + more, err
}

func (s *spool) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

// fromTable has write write what it reads from the table. It is printed when the table is
// closed again, so that nobody waits for who reads it.
func (c *command) fromTable(write func(t table, w io.Writer) error) (err error) {
	t, err := c.openForReading()
	if err != nil {
		return err
	}
	s := &spool{}
	defer func() { err = errors.Join(err, s.Close()) }()
	w := bufio.NewWriter(s)
	if err := errors.Join(write(t, w), w.Flush(), t.Close()); err != nil {
		return err
	}
	_, err = s.WriteTo(c.out)
	return err
}
