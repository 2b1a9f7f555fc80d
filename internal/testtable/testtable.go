// SPDX-License-Identifier: Apache-2.0

// Package testtable gives tests an eroute table of their own.
package testtable

import (
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testns"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// New moves the goroutine of a test into a new network namespace and returns its table, which is empty. It requires
// CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_BPF.
func New(t testing.TB) *maps.Table {
	t.Helper()
	testns.Enter(t)
	table, err := maps.OpenWrite()
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
