// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestMatching checks that the table and a linear scan find the same matches for a packet, with flows of traps
// in the table, one of which has its trap's selector.
func TestMatching(t *testing.T) {
	r := newRandom(t)
	table, rows := newTable(t), &eroute.Linear{}
	var changes []eroute.Change
	for range 500 {
		c := eroute.Change{Op: eroute.OpReplace, Selector: r.selector(), SAID: []eroute.SAID{eroute.Trap, eroute.TrapSubnet, eroute.Pass}[r.IntN(3)]}
		changes = append(changes, c)
		if err := applyTo(rows, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	made := make(map[eroute.Selector]bool)
	for _, e := range rows.List()[:100] {
		value, exists, err := table.gen.Entry(e.Selector)
		if err != nil || !exists {
			t.Fatalf("%v: %v", e, err)
		}
		flow := flowOfTrap(eroute.Packet{Src: e.Selector.Src.Addr(), Dst: e.Selector.Dst.Addr()}, e)
		if _, there := find(rows, flow); e.SAID.Action().IsTrap() && (!there || flow == e.Selector) && !made[flow] {
			made[flow] = true
			makeHold(t, table, flow, abi.Entry{Selector: e.Selector, Value: *value})
		}
	}
	reference := withFlows(t, table, rows)
	matches := 0
	for range 500 {
		p := r.packet(selectors(reference))
		var got, want []eroute.Eroute
		for e, err := range table.Matching(func(s eroute.Selector) bool { return s.Matches(p) }) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, eroute.Eroute{Selector: e.Selector, SAID: e.SAID})
		}
		for _, e := range reference.List() {
			if e.Selector.Matches(p) {
				want = append(want, e)
			}
		}
		slices.SortFunc(got, func(a, b eroute.Eroute) int { return eroute.Compare(a.Selector, b.Selector) })
		if diff := cmp.Diff(want, got, cmpopts.EquateComparable(eroute.Eroute{})); diff != "" {
			t.Fatalf("%+v: (-reference +table)\n%s", p, diff)
		}
		matches += len(want)
	}
	if matches < 500 {
		t.Errorf("%d matches: packets miss", matches)
	}
	for range table.Matching(func(eroute.Selector) bool { return true }) {
		break // the iteration must stop here
	}
}
