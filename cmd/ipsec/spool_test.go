// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
)

// What goes in comes out, in memory and beyond.
func TestSpool(t *testing.T) {
	for _, size := range []int{0, 10, spoolMemory, spoolMemory + 1, 3*spoolMemory + 7} {
		want := strings.Repeat("0123456789abcdef", size/16+1)[:size]
		s := &spool{}
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

// slowReader is a standard output that is read only when it may be.
type slowReader struct{ wait func() }

func (r slowReader) Write(p []byte) (int, error) {
	r.wait()
	return len(p), nil
}

// A pager that stands still keeps nobody from the table.
func TestListingHoldsNoLock(t *testing.T) {
	m := newMemory()
	if status, _, stderr := runMemory(m, "", "eroute", "--add", "--src", "10.0.0.0/8", "--dst", "10.1.0.0/16", "--said", "%drop"); status != 0 {
		t.Fatal(stderr)
	}
	for _, args := range [][]string{{"eroute"}, {"eroute", "--json"}, {"eroute", "--save", "-"}} {
		written := false
		e := testEnv(strings.NewReader(""), nil, &bytes.Buffer{})
		open := 0
		m.openers(e)
		read := e.openRead
		e.openRead = func() (table, error) {
			t, err := read()
			if err == nil {
				open++
				t = closeCounter{t, &open}
			}
			return t, err
		}
		e.stdout = slowReader{func() {
			written = true
			if open != 0 {
				t.Errorf("%v: the table is open while its output is read", args)
			}
		}}
		if status := run(t.Context(), e, args); status != 0 || !written {
			t.Errorf("%v: status %d, written %v", args, status, written)
		}
	}
}

type closeCounter struct {
	table
	open *int
}

func (c closeCounter) Close() error {
	*c.open--
	return c.table.Close()
}
