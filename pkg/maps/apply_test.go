// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// sel returns the selector of two prefixes.
func sel(src, dst string) eroute.Selector {
	return eroute.Selector{Src: netip.MustParsePrefix(src), Dst: netip.MustParsePrefix(dst)}
}

// nth returns the nth of many different selectors.
func nth(n int) eroute.Selector {
	return sel(fmt.Sprintf("10.%d.%d.0/24", n/256, n%256), "192.0.2.0/24")
}

func add(s eroute.Selector, said eroute.SAID) eroute.Change {
	return eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: said}
}

func replace(s eroute.Selector, said eroute.SAID) eroute.Change {
	return eroute.Change{Op: eroute.OpReplace, Selector: s, SAID: said}
}

func del(s eroute.Selector) eroute.Change { return eroute.Change{Op: eroute.OpDel, Selector: s} }

var empty = eroute.Change{Op: eroute.OpClear}

// mustApply makes changes that must succeed, in the table and in the reference.
func mustApply(t *testing.T, table *Table, reference *eroute.Linear, changes ...eroute.Change) {
	t.Helper()
	for _, c := range changes {
		if err := applyTo(reference, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := table.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
}

// TestApplyRefuses checks that a batch with an impossible change is refused with the index of that change, and
// changes nothing, whatever precedes it.
func TestApplyRefuses(t *testing.T) {
	table, reference := newTable(t), &eroute.Linear{}
	mustApply(t, table, reference, add(nth(0), eroute.Drop), add(sel("::/0", "::/0"), eroute.Pass))
	port := nth(1)
	port.DstPort = 80
	mixed := eroute.Selector{Src: nth(0).Src, Dst: netip.MustParsePrefix("::/0")}
	for _, c := range []struct {
		name    string
		changes []eroute.Change
		index   int
		want    error
	}{
		{"add of what exists", []eroute.Change{add(nth(1), eroute.Drop), add(nth(0), eroute.Drop)}, 1, eroute.ErrExist},
		{"add twice", []eroute.Change{add(nth(1), eroute.Drop), add(nth(1), eroute.Pass)}, 1, eroute.ErrExist},
		{"add after replace", []eroute.Change{replace(nth(1), eroute.Drop), add(nth(1), eroute.Drop)}, 1, eroute.ErrExist},
		{"del of what is not there", []eroute.Change{replace(nth(0), eroute.Pass), del(nth(1))}, 1, eroute.ErrNotFound},
		{"del of a covering prefix", []eroute.Change{del(sel("10.0.0.0/16", "192.0.2.0/24"))}, 0, eroute.ErrNotFound},
		{"del of a covered prefix", []eroute.Change{del(sel("10.0.0.1/32", "192.0.2.1/32"))}, 0, eroute.ErrNotFound},
		{"del of a covered destination", []eroute.Change{del(sel("10.0.0.0/24", "192.0.2.1/32"))}, 0, eroute.ErrNotFound},
		{"del twice", []eroute.Change{del(nth(0)), del(nth(0))}, 1, eroute.ErrNotFound},
		{"del after clear", []eroute.Change{empty, del(nth(0))}, 1, eroute.ErrNotFound},
		{"replace after clear, then add", []eroute.Change{empty, replace(nth(0), eroute.Pass), add(nth(0), eroute.Pass)}, 2, eroute.ErrExist},
		{"port without protocol", []eroute.Change{del(nth(0)), add(port, eroute.Drop)}, 1, eroute.ErrPortProtocol},
		{"two families", []eroute.Change{del(nth(0)), add(mixed, eroute.Drop)}, 1, eroute.ErrMixedFamilies},
		{"no SAID", []eroute.Change{add(nth(1), eroute.SAID{})}, 0, eroute.ErrBadSAID},
		{"no operation", []eroute.Change{add(nth(1), eroute.Drop), {Selector: nth(2)}}, 1, eroute.ErrBadOp},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := table.Apply(t.Context(), c.changes)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			checkIndex(t, err, c.index)
			compareListings(t, table, reference)
			checkDerived(t, table)
		})
	}
}

// TestApplyInOrder checks that each change of a batch sees the effect of the preceding ones.
func TestApplyInOrder(t *testing.T) {
	said := eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x135, Dst: netip.MustParseAddr("192.1.2.45")}
	for name, changes := range map[string][]eroute.Change{
		"nothing":                nil,
		"clear of nothing":       {empty, empty},
		"add, del, add":          {add(nth(1), eroute.Drop), del(nth(1)), add(nth(1), eroute.Pass)},
		"del and add again":      {del(nth(0)), add(nth(0), said)},
		"replace of nothing":     {replace(nth(1), said), replace(nth(1), eroute.Hold), replace(nth(1), said)},
		"clear between":          {add(nth(1), said), empty, add(nth(1), said), add(nth(2), said)},
		"clear last":             {replace(nth(0), said), add(nth(1), said), empty},
		"clear twice with an SA": {empty, add(nth(1), said), empty, add(nth(0), said), del(nth(0))},
	} {
		t.Run(name, func(t *testing.T) {
			table, reference := newTable(t), &eroute.Linear{}
			mustApply(t, table, reference, add(nth(0), eroute.Drop))
			mustApply(t, table, reference, changes...)
			compareListings(t, table, reference)
			checkDerived(t, table)
		})
	}
}

// TestApplyContext checks that Apply changes nothing if its context has ended, and that the table still works.
func TestApplyContext(t *testing.T) {
	table, reference := newTable(t), &eroute.Linear{}
	mustApply(t, table, reference, add(nth(0), eroute.Drop))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := table.Apply(ctx, []eroute.Change{add(nth(1), eroute.Drop), empty})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	checkIndex(t, err, 0)
	compareListings(t, table, reference)
	checkDerived(t, table)
	mustApply(t, table, reference, add(nth(1), eroute.Drop))
}

// TestManyEroutes checks that more eroutes than one batch are listed completely, and deleted without a trace.
func TestManyEroutes(t *testing.T) {
	const n = 2*pinned.BatchSize + 17
	table, reference := newTable(t), &eroute.Linear{}
	var adds, dels []eroute.Change
	for i := range n {
		adds, dels = append(adds, add(nth(i), eroute.Drop)), append(dels, del(nth(i)))
	}
	if err := table.Apply(t.Context(), adds); err != nil {
		t.Fatal(err)
	}
	i := 0
	for got, err := range table.All() {
		if err != nil || got.Selector != nth(i) {
			t.Fatalf("line %d: %v, %v, want %v", i, got, err, nth(i))
		}
		i++
	}
	if i != n {
		t.Errorf("%d eroutes, want %d", i, n)
	}
	checkDerived(t, table)
	if err := table.Apply(t.Context(), dels); err != nil {
		t.Fatal(err)
	}
	compareListings(t, table, reference)
	checkDerived(t, table)
}
