// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestAgainstReference checks that the kernel's table and a linear scan agree on every packet after any batches
// of changes, and on which change of a batch is impossible.
func TestAgainstReference(t *testing.T) {
	const rounds, packets = 150, 300
	r := newRandom(t)
	table, reference := newTable(t), &eroute.Linear{}
	refused := 0
	var hot []eroute.Packet
	for round := range rounds {
		var changes []eroute.Change
		after := copyOf(reference)
		var wantErr error
		for size := 1 + r.IntN(60); len(changes) < size && wantErr == nil; {
			c := r.change(selectors(after))
			if err := applyTo(after, c); err == nil || r.IntN(50) == 0 {
				changes, wantErr = append(changes, c), err
			}
		}
		err := table.Apply(t.Context(), changes)
		if !errors.Is(err, wantErr) {
			t.Fatalf("round %d: %d changes: kernel %v, reference %v", round, len(changes), err, wantErr)
		}
		if wantErr != nil {
			refused++
			checkIndex(t, err, len(changes)-1)
		} else {
			reference = after
		}
		known := selectors(reference)
		for range packets {
			p := r.packet(known)
			checkPacket(t, table, reference, p)
			if len(hot) < packets {
				hot = append(hot, p)
			}
			hot[r.IntN(len(hot))] = p
		}
		// A cache entry of an earlier packet must belong to this table.
		for _, p := range hot {
			checkPacket(t, table, reference, p)
		}
		compareListings(t, table, reference)
		checkDerived(t, table)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	t.Logf("%d packets, %d of %d batches refused, %d eroutes in the end", rounds*packets, refused, rounds, len(reference.List()))
}

func checkPacket(t *testing.T, table *Table, reference *eroute.Linear, p eroute.Packet) {
	t.Helper()
	want, wantFound := reference.Lookup(p)
	got, found, err := table.Lookup(p)
	if err != nil || found != wantFound || got.Selector != want.Selector || got.SAID != want.SAID {
		t.Errorf("%+v: kernel %v, %v, reference %v", p, got, err, want)
	}
}

// checkIndex checks that an error names the change that was refused.
func checkIndex(t *testing.T, err error, index int) {
	t.Helper()
	var change *eroute.ChangeError
	if !errors.As(err, &change) || change.Index != index {
		t.Errorf("error %v, want one about change %d", err, index)
	}
}

func copyOf(l *eroute.Linear) *eroute.Linear {
	c := &eroute.Linear{}
	for _, e := range l.List() {
		c.Replace(e.Selector, e.SAID)
	}
	return c
}

func selectors(l *eroute.Linear) (all []eroute.Selector) {
	for _, e := range l.List() {
		all = append(all, e.Selector)
	}
	return all
}

func compareListings(t *testing.T, table *Table, reference *eroute.Linear) {
	t.Helper()
	want := reference.List()
	i := 0
	for got, err := range table.All() {
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(want) || got.Selector != want[i].Selector || got.SAID != want[i].SAID {
			t.Fatalf("line %d: kernel lists %v, reference %v", i, got, want)
		}
		i++
	}
	if i != len(want) {
		t.Fatalf("kernel lists %d eroutes, reference %d", i, len(want))
	}
	if stats, err := table.Stats(); err != nil || int(stats.Eroutes) != len(want) {
		t.Fatalf("kernel counts %d eroutes, %v, reference %d", stats.Eroutes, err, len(want))
	}
}

func applyTo(l *eroute.Linear, c eroute.Change) error {
	switch c.Op {
	case eroute.OpAdd:
		return l.Add(c.Selector, c.SAID)
	case eroute.OpDel:
		return l.Del(c.Selector)
	case eroute.OpReplace:
		l.Replace(c.Selector, c.SAID)
	case eroute.OpClear:
		l.Clear()
	}
	return nil
}
