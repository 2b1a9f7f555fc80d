// SPDX-License-Identifier: Apache-2.0

// Package testns gives tests a network namespace of their own.
package testns

import (
	"runtime"
	"testing"

	"github.com/vishvananda/netns"
)

// Enter moves the goroutine of a test into a new network namespace. Its thread ends with the test. It requires
// CAP_SYS_ADMIN.
func Enter(t testing.TB) {
	t.Helper()
	runtime.LockOSThread()
	ns, err := netns.New()
	if err != nil {
		t.Fatalf("new network namespace (needs root): %v", err)
	}
	t.Cleanup(func() { _ = ns.Close() })
}
