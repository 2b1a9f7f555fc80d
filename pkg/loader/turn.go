// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// With flock(2) alone, overlapping readers would starve a writer. So a writer holds a second lock, on a
// directory in the pin directory, while it waits for the first, and new readers wait for the second lock. They
// wait for a limited time only, because a reader may already have the table open, and the writer waits for that
// reader.

const (
	turnName = "turn"
	turnWait = 500 * time.Millisecond // longer than any listing takes
)

// lockExclusive locks a directory for writing, ahead of later readers.
func lockExclusive(path string) (*os.File, error) {
	turn, err := flock(filepath.Join(path, turnName), unix.LOCK_EX)
	if err == nil {
		defer func() { _ = turn.Close() }()
	} else if !errors.Is(err, os.ErrNotExist) { // removed meanwhile, or created by a version without this directory
		return nil, err
	}
	return flock(path, unix.LOCK_EX)
}

// yieldToWriter lets waiting writers lock first.
func yieldToWriter(path string) {
	turn, err := os.Open(filepath.Join(path, turnName))
	if err != nil {
		return
	}
	passed := make(chan struct{})
	go func() {
		defer close(passed)
		_ = unix.Flock(int(turn.Fd()), unix.LOCK_SH)
		_ = turn.Close()
	}()
	select {
	case <-passed:
	case <-time.After(turnWait):
	}
}
