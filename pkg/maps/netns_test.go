// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"runtime"
	"testing"

	"github.com/vishvananda/netns"
)

// newTable returns an empty table of a network namespace of the test's own. The test
// needs CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_BPF.
func newTable(t testing.TB) *Table {
	t.Helper()
	enterNetns(t)
	table, err := OpenWrite()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := table.Dir().Remove(); err != nil {
			t.Error(err)
		}
		if err := table.Close(); err != nil {
			t.Error(err)
		}
	})
	return table
}

// enterNetns moves the test's goroutine into a new network namespace. Its thread ends
// with the test.
func enterNetns(t testing.TB) {
	t.Helper()
	runtime.LockOSThread()
	ns, err := netns.New()
	if err != nil {
		t.Fatalf("new network namespace (needs root): %v", err)
	}
	t.Cleanup(func() { _ = ns.Close() })
}
