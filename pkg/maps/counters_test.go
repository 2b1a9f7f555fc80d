// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"testing"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Counters begin at 0 with every add and replace, even in a slot that had others, and
// other changes leave them alone.
func TestCountersRestart(t *testing.T) {
	table, reference := newTable(t), &eroute.Linear{}
	count := func(n int, packets uint64) {
		t.Helper()
		row, exists, err := table.gen.row(nth(n))
		if err != nil || !exists {
			t.Fatalf("row %d: %v, %v", n, exists, err)
		}
		chunk, err := table.counts.chunk(row.Id)
		if err != nil {
			t.Fatal(err)
		}
		var cpus []bpf.ABICounters
		if err := chunk.Lookup(row.Id%counterChunk, &cpus); err != nil {
			t.Fatal(err)
		}
		for i := range cpus {
			cpus[i] = bpf.ABICounters{Packets: packets, Bytes: 100 * packets, Last: 1}
		}
		if err := chunk.Put(row.Id%counterChunk, cpus); err != nil {
			t.Fatal(err)
		}
	}
	listed := func() (packets []uint64) {
		t.Helper()
		for e, err := range table.All() {
			if err != nil || e.Bytes != 100*e.Packets || e.LastUsed.IsZero() != (e.Packets == 0) {
				t.Errorf("%+v, %v", e, err)
			}
			packets = append(packets, e.Packets)
		}
		return packets
	}
	mustApply(t, table, reference, add(nth(0), eroute.Drop), add(nth(1), eroute.Drop))
	count(0, 7)
	count(1, 9)
	before := listed()
	if before[0] == 0 || before[0]%7 != 0 || before[1] == 0 || before[1]%9 != 0 {
		t.Fatalf("counters %d, want what was written on each CPU", before)
	}
	for i := range 4 {
		mustApply(t, table, reference, replace(nth(0), eroute.Drop))
		if got := listed(); got[0] != 0 || got[1] != before[1] {
			t.Errorf("counters %d after replace %d, want 0 and %d", got, i, before[1])
		}
		count(0, 7)
	}
	mustApply(t, table, reference, del(nth(0)), add(nth(0), eroute.Drop))
	if got := listed(); got[0] != 0 || got[1] != before[1] {
		t.Errorf("counters %d after del and add, want 0 and %d", got, before[1])
	}
	mustApply(t, table, reference, empty, add(nth(0), eroute.Drop), add(nth(1), eroute.Drop))
	if got := listed(); got[0] != 0 || got[1] != 0 {
		t.Errorf("counters %d after clear, want 0", got)
	}
}

// Chunks are made for eroutes that are added, and used again: also by a large batch.
func TestCountersInBulk(t *testing.T) {
	const many = 3*int(counterChunk) + 10
	table := newTable(t)
	batch := func(op eroute.Op) {
		t.Helper()
		changes := make([]eroute.Change, many)
		for i := range changes {
			changes[i] = eroute.Change{Op: op, Selector: nth(i), SAID: eroute.Drop}
		}
		if err := table.Apply(t.Context(), changes); err != nil {
			t.Fatal(err)
		}
	}
	chunks := func() (n uint32) {
		t.Helper()
		var m *ebpf.Map
		for ; table.counts.outer.Lookup(n, &m) == nil; n++ {
			_ = m.Close()
		}
		return n
	}
	for round := range 2 {
		batch(eroute.OpAdd)
		if n := chunks(); n != 4 {
			t.Errorf("round %d: %d chunks for %d eroutes, want 4", round, n, many)
		}
		batch(eroute.OpDel)
		if n := chunks(); n != 4 {
			t.Errorf("round %d: %d chunks after they are gone, want 4", round, n)
		}
		checkDerived(t, table)
	}
	batch(eroute.OpAdd)
	batch(eroute.OpReplace) // new counters beside the old ones, until no packet counts there
	if n := chunks(); n != 7 {
		t.Errorf("%d chunks after all were replaced, want 7", n)
	}
	checkDerived(t, table)
	for e, err := range table.All() {
		if err != nil || e.Packets != 0 {
			t.Fatalf("%+v, %v", e, err)
		}
	}
}
