// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// monotonicToWall turns CLOCK_MONOTONIC nanoseconds into a time of day; zero for 0.
func monotonicToWall(ns uint64) time.Time {
	now, err := monotonic()
	if ns == 0 || err != nil {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(ns - now))
}

// monotonic reads CLOCK_MONOTONIC, in nanoseconds.
func monotonic() (uint64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, fmt.Errorf("read clock: %w", err)
	}
	return uint64(now.Nano()), nil
}
