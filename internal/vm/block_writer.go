// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// blockWriter passes the output of tests on, that of one test at a time, so that the outputs of several VMs are not
// mixed within a test.
type blockWriter struct {
	out io.Writer
	mu  *sync.Mutex // of out

	block, line bytes.Buffer
}

func (w *blockWriter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		line, next, whole := bytes.Cut(rest, []byte("\n"))
		w.line.Write(line)
		if !whole {
			break
		}
		rest = next
		if beginsTest(w.line.String()) {
			if err := w.pass(); err != nil {
				return 0, err
			}
		}
		w.line.WriteByte('\n')
		_, _ = w.line.WriteTo(&w.block)
	}
	return len(p), nil
}

// beginsTest reports whether a line begins the output of a test that is no subtest.
func beginsTest(line string) bool {
	name, is := strings.CutPrefix(line, "=== RUN ")
	return is && !strings.Contains(name, "/")
}

func (w *blockWriter) pass() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err := w.block.WriteTo(w.out)
	return err
}

// flush passes the rest on.
func (w *blockWriter) flush() error {
	_, _ = w.line.WriteTo(&w.block)
	return w.pass()
}
