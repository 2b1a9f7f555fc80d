// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"unsafe"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/counters"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// met counts packets on an eroute.
func met(t *testing.T, table *Table, s eroute.Selector, packets uint64) {
	t.Helper()
	row, exists, err := table.gen.Entry(s)
	if err != nil || !exists {
		t.Fatalf("row %v: %v, %v", s, exists, err)
	}
	setCounters(t, table, row.Id, cpus()-1, packets)
}

// TestScan checks that a scan finds the busiest eroutes of both families and counts the traps, whatever block
// their counters are in, while a command has the table's lock.
func TestScan(t *testing.T) {
	const many = 2*int(counters.BlockIDs) + 210
	table := newTable(t)
	changes := make([]eroute.Change, 0, 2*many)
	for i := range many {
		v6 := netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 14: byte(i >> 8), 15: byte(i)}), 128)
		said := eroute.Drop
		if i%100 == 0 {
			said = eroute.Trap
		}
		changes = append(changes, add(nth(i), said), add(eroute.Selector{Src: v6, Dst: v6}, eroute.TrapSubnet))
	}
	if err := table.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	var want []eroute.Selector
	for i, n := range []int{7, many*2 - 1, many, 0, many + 3} {
		s := changes[n].Selector
		met(t, table, s, uint64(1000-i))
		want = append(want, s)
	}

	watch, err := OpenWatch()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watch.Close() }()
	for _, n := range []int{3, 20} {
		got, err := watch.Scan(n)
		if err != nil || got.Traps != many+many/100+1 || !slices.Equal(got.Eroutes, want[:min(n, len(want))]) {
			t.Errorf("walk for %d: %+v, %v, want %v", n, got, err, want)
		}
	}
	shown, err := watch.Exact(append(want, nth(many)))
	if err != nil || len(shown) != len(want) {
		t.Fatalf("%v, %v", shown, err)
	}
	for i, e := range shown {
		if e.Selector != want[i] || e.Packets != uint64(1000-i) || e.Bytes != 100*e.Packets {
			t.Errorf("%+v, want %v", e, want[i])
		}
	}
}

// TestBusiest checks that the busiest of all added values are kept, each once.
func TestBusiest(t *testing.T) {
	b := busiest[string]{most: 3}
	for i, packets := range []uint64{5, 0, 9, 1, 9, 7, 2} {
		b.add(fmt.Sprint(i), packets)
	}
	b.add("2", 10)
	b.add("5", 8)
	if got := b.list(); len(got) != 3 || !slices.Contains(got, "2") || !slices.Contains(got, "4") || got[2] != "5" {
		t.Errorf("%q", got)
	}
}

// TestMemory checks that the memory of the maps grows with the table, and that the queue is empty.
func TestMemory(t *testing.T) {
	table := newTable(t)
	memory := func() map[string]uint64 {
		t.Helper()
		m, err := table.Memory()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	before := memory()
	changes := make([]eroute.Change, 2048)
	for i := range changes {
		changes[i] = add(nth(i), eroute.Drop)
	}
	if err := table.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	after := memory()
	row := uint64(len(changes)) * uint64(bpf.ABILimitsKEY4FIXED_BITS/8)
	if after["eroute_entry4"] < before["eroute_entry4"]+row || after["eroute_src6"] != before["eroute_src6"] {
		t.Errorf("before %v, after %v", before, after)
	}
	if counters := uint64(counters.ChunkBlocks) * uint64(unsafe.Sizeof(bpf.ABICounterBlock{})); after["eroute_counters"] < before["eroute_counters"]+counters {
		t.Errorf("counters before %d, after %d, want %d more", before["eroute_counters"], after["eroute_counters"], counters)
	}
	for name := range table.maps {
		if after[name] == 0 {
			t.Errorf("map %s takes no memory", name)
		}
	}
	if waiting, size, err := table.Queue(); err != nil || waiting != 0 || size != int(bpf.ABILimitsEVENTS_SIZE) {
		t.Errorf("queue: %d of %d, %v", waiting, size, err)
	}
}
