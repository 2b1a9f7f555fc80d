// SPDX-License-Identifier: Apache-2.0

package files

import (
	"bytes"
	"strings"
	"testing"
)

// TestSpool checks that a spool returns what was written, in memory and in a file.
func TestSpool(t *testing.T) {
	for _, size := range []int{0, 10, spoolMemory, spoolMemory + 1, 3*spoolMemory + 7} {
		want := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		s := &Spool{}
		for rest := want; rest != ""; {
			n := min(len(rest), 7001)
			if _, err := s.Write([]byte(rest[:n])); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		var got bytes.Buffer
		if _, err := s.WriteTo(&got); err != nil || got.String() != want {
			t.Errorf("%d bytes: %d came out, %v", size, got.Len(), err)
		}
		if (s.file != nil) != (size > spoolMemory) {
			t.Errorf("%d bytes: file %v", size, s.file)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
