// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"io"
	"regexp"
)

// messageLine is a line of T.Log or T.Error.
var messageLine = regexp.MustCompile(`^ +\S+_test\.go:\d+: `)

// Limits of the messages of a failed test that are printed again.
const (
	mostMessages = 20
	mostMessage  = 400 // bytes
)

// tally passes a test's output on and counts the tests that have ended. A subtest counts only if it was
// skipped: its parent passes nevertheless.
type tally struct {
	out                     io.Writer
	line                    []byte
	passed, failed, skipped int

	messages []string // of the test that runs
	failures []string // the failed tests, each with its messages

	progress func(line string) // if not nil, called when a test or subtest begins or a test ends
	ended    func()            // if not nil, called when a test has ended or was skipped
}

func (t *tally) Write(p []byte) (int, error) {
	t.line = append(t.line, p...)
	for {
		line, rest, whole := bytes.Cut(t.line, []byte("\n"))
		if !whole {
			break
		}
		t.count(line)
		t.line = rest
	}
	return t.out.Write(p)
}

func (t *tally) count(line []byte) {
	isEnd := bytes.HasPrefix(line, []byte("--- "))
	if messageLine.Match(line) && len(t.messages) < mostMessages {
		t.messages = append(t.messages, string(line[:min(len(line), mostMessage)]))
	}
	if t.progress != nil && (isEnd || bytes.HasPrefix(line, []byte("=== RUN "))) {
		t.progress(string(bytes.Trim(line, "=- ")))
	}
	if isEnd && t.ended != nil {
		t.ended()
	}
	if bytes.HasPrefix(line, []byte("--- FAIL: ")) {
		t.failures = append(append(t.failures, string(line)), t.messages...)
	}
	if isEnd {
		t.messages = nil
	}
	switch {
	case bytes.HasPrefix(line, []byte("--- PASS: ")):
		t.passed++
	case bytes.HasPrefix(line, []byte("--- FAIL: ")):
		t.failed++
	case bytes.HasPrefix(bytes.TrimLeft(line, " "), []byte("--- SKIP: ")):
		t.skipped++
	}
}
