// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testns"
)

// newTable returns an empty table in a network namespace of its own. The test needs CAP_SYS_ADMIN,
// CAP_NET_ADMIN and CAP_BPF.
func newTable(t testing.TB) *Table {
	t.Helper()
	testns.Enter(t)
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
