// SPDX-License-Identifier: Apache-2.0

package session

import (
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestNilWarner checks that a nil Warner reads nothing and leaves the eroutes of a restore as they are.
func TestNilWarner(t *testing.T) {
	var w *Warner
	table := &reference{}
	w.Changes(nil, &eroute.Changes{})
	w.ReplaceDevices(table, nil)
	seen := 0
	for range w.Restore(table, func(yield func(eroute.Change, error) bool) { yield(eroute.Change{}, nil) }) {
		seen++
	}
	if table.lookups != 0 || seen != 1 {
		t.Errorf("%d lookups, %d eroutes", table.lookups, seen)
	}
}
