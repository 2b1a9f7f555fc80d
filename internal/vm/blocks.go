// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"io"
)

// blocks passes tests' output on in whole tests, so that those of two VMs do not mix.
type blocks struct {
	out   io.Writer
	block []byte
	line  int // where the last, incomplete line of block begins
}

func (b *blocks) Write(p []byte) (int, error) {
	b.block = append(b.block, p...)
	for {
		length := bytes.IndexByte(b.block[b.line:], '\n')
		if length < 0 {
			return len(p), nil
		}
		if begins(b.block[b.line : b.line+length]) {
			if err := b.pass(b.line); err != nil {
				return 0, err
			}
		}
		b.line += length + 1
	}
}

// begins reports whether a line is the first one of a test, or of what follows the last test of a package.
func begins(line []byte) bool {
	name, isRun := bytes.CutPrefix(line, []byte("=== RUN "))
	return isRun && !bytes.Contains(name, []byte("/")) || bytes.Equal(line, []byte("PASS")) || bytes.Equal(line, []byte("FAIL"))
}

// pass passes the first n bytes on.
func (b *blocks) pass(n int) error {
	_, err := b.out.Write(b.block[:n])
	b.block = b.block[n:]
	b.line -= n
	return err
}

// flush passes the rest on.
func (b *blocks) flush() {
	_ = b.pass(len(b.block))
}
