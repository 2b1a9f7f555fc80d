// SPDX-License-Identifier: Apache-2.0

package loader

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// By flock(2) alone a writer would wait for as long as readers come, each before the last
// has gone. So there is a second lock, on a directory in the pin directory, that a writer
// holds while it waits for the first: readers that come then let it go first. They do so
// for a bounded time, as whoever reads may have the table open already, for which the
// writer waits.

const (
	turnName = "turn"
	turnWait = 500 * time.Millisecond // longer than any listing takes
)

// lockExclusive locks a directory for writing, before readers that come later.
func lockExclusive(path string) (*os.File, error) {
	turn, err := flock(filepath.Join(path, turnName), unix.LOCK_EX)
	if err == nil {
		defer func() { _ = turn.Close() }()
	} else if !errors.Is(err, os.ErrNotExist) { // made by a version that had none, or removed since
		return nil, err
	}
	return flock(path, unix.LOCK_EX)
}

// yieldToWriter waits for writers that wait.
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
