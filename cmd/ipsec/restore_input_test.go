// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"strings"
	"testing"
)

// readerFunc is an io.Reader.
type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// A restore from standard input has read all of it before it opens the table for a change, which locks it.
func TestRestoreReadsFirst(t *testing.T) {
	var stdout, stderr bytes.Buffer
	m, opened := newMemory(), false
	text := strings.NewReader("--add --src 10.0.0.0/8 --dst 10.1.0.0/16 --said %drop\n")
	e := testEnv(readerFunc(func(p []byte) (int, error) {
		if opened {
			t.Error("the table is open while the input is read")
		}
		return text.Read(p)
	}), &stdout, &stderr)
	m.openers(e)
	open := e.openWrite
	e.openWrite = func() (table, error) {
		opened = true
		return open()
	}
	if status := run(t.Context(), e, []string{"eroute", "--restore", "-"}); status != 0 || !opened || len(m.eroutes.List()) != 1 {
		t.Errorf("status %d, %q, %v", status, stderr.String(), m.eroutes.List())
	}
}
