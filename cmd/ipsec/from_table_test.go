// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
)

// slowReader is a standard output that blocks until wait returns.
type slowReader struct{ wait func() }

func (r slowReader) Write(p []byte) (int, error) {
	r.wait()
	return len(p), nil
}

// TestListingHoldsNoLock checks that a blocked pager does not hold the table's lock.
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
