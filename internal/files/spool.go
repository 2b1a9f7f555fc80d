// SPDX-License-Identifier: Apache-2.0

package files

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// spoolMemory is the maximum output kept in memory, in bytes.
const spoolMemory = 1 << 20

// Spool buffers output whose reader may be slow, such as a pager, so that the table's lock is not held until the
// reader has finished. It keeps large output in a temporary file.
type Spool struct {
	start bytes.Buffer
	file  *os.File // the rest, once start is full; unlinked
}

func (s *Spool) Write(p []byte) (int, error) {
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

// WriteTo writes the buffered output.
func (s *Spool) WriteTo(w io.Writer) (int64, error) {
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

// Close removes the temporary file.
func (s *Spool) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}
