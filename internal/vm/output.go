// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// readyMark is the prefix of the line by which guest.sh reports that the guest is up; the kernel's version
// follows.
const readyMark = "vm-ready "

// splitter passes the output after the ready line on; the output before it goes to boot.
type splitter struct {
	out   io.Writer
	boot  io.Writer
	ready func(kernel string)
	line  []byte // incomplete line
	up    bool
}

func (s *splitter) Write(p []byte) (int, error) {
	if s.up {
		return s.out.Write(p)
	}
	s.line = append(s.line, p...)
	for {
		line, rest, whole := bytes.Cut(s.line, []byte("\n"))
		if !whole {
			return len(p), nil
		}
		if kernel, ok := bytes.CutPrefix(line, []byte(readyMark)); ok {
			s.up = true
			s.ready(string(kernel))
			_, err := s.out.Write(rest)
			return len(p), err
		}
		if _, err := s.boot.Write(s.line[:len(line)+1]); err != nil {
			return 0, err
		}
		s.line = rest
	}
}

// tail keeps the end of the text written to it.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

// tailSize is in bytes; tailLines is the number of its lines that are shown.
const (
	tailSize  = 64 << 10
	tailLines = 40
)

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if len(t.buf) > 2*tailSize {
		t.buf = bytes.Clone(t.buf[len(t.buf)-tailSize:])
	}
	return len(p), nil
}

// lines returns the last lines without terminal control sequences.
func (t *tail) lines() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	printable := strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, string(t.buf))
	all := strings.Split(strings.TrimSpace(printable), "\n")
	return strings.Join(all[max(0, len(all)-tailLines):], "\n") + "\n"
}
