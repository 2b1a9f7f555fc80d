// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"testing"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestLimit checks that a full table refuses one more eroute, of either family, and nothing else.
func TestLimit(t *testing.T) {
	table, reference := newTable(t), &eroute.Linear{}
	if s, err := table.Stats(); err != nil || s.Limit != 1000000 {
		t.Errorf("limit of a new table: %d, %v, want 1000000", s.Limit, err)
	}
	if err := table.SetLimit(3); err != nil {
		t.Fatal(err)
	}
	six := sel("2001:db8::/32", "::/0")
	mustApply(t, table, reference, add(nth(0), eroute.Drop), add(nth(1), eroute.Drop), add(six, eroute.Drop))
	for _, c := range []struct {
		changes []eroute.Change
		index   int
	}{
		{[]eroute.Change{add(nth(2), eroute.Drop)}, 0},
		{[]eroute.Change{replace(nth(0), eroute.Pass), replace(nth(2), eroute.Drop)}, 1},
		{[]eroute.Change{del(nth(0)), add(nth(2), eroute.Drop), add(sel("::/0", "::/0"), eroute.Drop)}, 2},
		{[]eroute.Change{empty, add(nth(5), eroute.Drop), add(nth(6), eroute.Drop), add(nth(7), eroute.Drop), add(nth(8), eroute.Drop)}, 4},
	} {
		err := table.Apply(t.Context(), c.changes)
		if !errors.Is(err, eroute.ErrTableFull) {
			t.Errorf("error %v, want %v", err, eroute.ErrTableFull)
		}
		checkIndex(t, err, c.index)
		compareListings(t, table, reference)
	}
	mustApply(t, table, reference, replace(nth(0), eroute.Pass), replace(six, eroute.Hold))
	mustApply(t, table, reference, del(nth(0)), add(nth(2), eroute.Drop))
	mustApply(t, table, reference, empty, add(nth(5), eroute.Drop), add(nth(6), eroute.Drop), add(nth(7), eroute.Drop))
	compareListings(t, table, reference)
	checkDerived(t, table)
}

// TestSetLimit checks that a limit is refused if the table exceeds it or the tries cannot hold it.
func TestSetLimit(t *testing.T) {
	table, reference := newTable(t), &eroute.Linear{}
	mustApply(t, table, reference, add(nth(0), eroute.Drop), add(nth(1), eroute.Drop))
	for _, limit := range []uint32{0, 1, uint32(bpf.ABILimitsEROUTE_MAX), 1 << 31} {
		if err := table.SetLimit(limit); err == nil {
			t.Errorf("limit %d was taken", limit)
		}
	}
	if s, err := table.Stats(); err != nil || s.Limit != 1000000 {
		t.Errorf("limit after refusals: %d, %v, want 1000000", s.Limit, err)
	}
	for _, limit := range []uint32{2, uint32(bpf.ABILimitsEROUTE_MAX) - 1} {
		if err := table.SetLimit(limit); err != nil {
			t.Error(err)
		}
		if s, err := table.Stats(); err != nil || s.Limit != limit {
			t.Errorf("limit %d, %v, want %d", s.Limit, err, limit)
		}
	}
}
