// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"os"
	"testing"
	"time"
)

// Duration returns how long a test is to take: what EROUTE_TEST_DURATION says, or the default.
func Duration(t testing.TB, byDefault time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv("EROUTE_TEST_DURATION")
	if text == "" {
		return byDefault
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}
