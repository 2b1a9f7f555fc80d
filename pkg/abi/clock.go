// SPDX-License-Identifier: Apache-2.0

package abi

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// MonotonicToWall converts CLOCK_MONOTONIC nanoseconds to wall-clock time; the zero time for 0.
func MonotonicToWall(ns uint64) time.Time {
	now, err := Monotonic()
	if ns == 0 || err != nil {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(ns - now))
}

// Monotonic reads CLOCK_MONOTONIC, in nanoseconds.
func Monotonic() (uint64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, fmt.Errorf("read clock: %w", err)
	}
	return uint64(now.Nano()), nil
}
