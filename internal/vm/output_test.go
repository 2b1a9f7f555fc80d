// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
)

func TestSplitterPassesOnWhatFollowsTheReadyLine(t *testing.T) {
	const text = "noise\nvm-ready 6.12.1\nfirst\nvm-ready 1\nlast"
	for _, chunk := range []int{1, 7, len(text)} {
		var boot, out bytes.Buffer
		var kernels []string
		s := &splitter{out: &out, boot: &boot, ready: func(k string) { kernels = append(kernels, k) }}
		for b := []byte(text); len(b) > 0; {
			n := min(chunk, len(b))
			if _, err := s.Write(b[:n]); err != nil {
				t.Fatal(err)
			}
			b = b[n:]
		}
		if got := fmt.Sprint(kernels); got != "[6.12.1]" {
			t.Errorf("chunks of %d: kernels %s", chunk, got)
		}
		if out.String() != "first\nvm-ready 1\nlast" || boot.String() != "noise\n" {
			t.Errorf("chunks of %d: output %q, boot %q", chunk, &out, &boot)
		}
	}
}

func TestSplitterReturnsTheWriterError(t *testing.T) {
	s := &splitter{boot: failing{}, ready: func(string) {}}
	if _, err := s.Write([]byte("noise\n")); err == nil {
		t.Error("the error of the writer is lost")
	}
}

// failing is a writer that never succeeds.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, iotest.ErrTimeout }

func TestTailShowsTheLastLinesOnly(t *testing.T) {
	var log tail
	for i := range 100_000 {
		fmt.Fprintf(&log, "\033line %d\r\n", i)
	}
	lines := strings.Split(strings.TrimSuffix(log.lines(), "\n"), "\n")
	if len(lines) != tailLines || lines[0] != "line 99960" || lines[tailLines-1] != "line 99999" {
		t.Errorf("%d lines, from %q to %q", len(lines), lines[0], lines[len(lines)-1])
	}
	if len(log.buf) > 2*tailSize {
		t.Errorf("%d bytes are kept", len(log.buf))
	}
}
