// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/counters"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// TestCountsOfAllEroutes checks that the counters of all existing eroutes are read by id and summed over CPUs,
// that the ids identify the eroutes, and that holds of traps are reported separately.
func TestCountsOfAllEroutes(t *testing.T) {
	const eroutes = 2*int(counters.BlockIDs) + 5
	table := newTable(t)
	trap := eroute.Selector{Src: netip.MustParsePrefix("10.0.0.0/8"), Dst: netip.MustParsePrefix("10.9.0.0/16")}
	changes := []eroute.Change{{Op: eroute.OpAdd, Selector: trap, SAID: eroute.Trap}}
	for i := range eroutes - 1 {
		a := netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)})
		changes = append(changes, eroute.Change{
			Op: eroute.OpAdd, SAID: eroute.Drop,
			Selector: eroute.Selector{Src: netip.PrefixFrom(a, 32), Dst: netip.MustParsePrefix("0.0.0.0/0")},
		})
	}
	if err := table.Apply(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
	version := table.Version()
	gone := changes[len(changes)-2].Selector
	if err := table.Apply(t.Context(), []eroute.Change{{Op: eroute.OpDel, Selector: gone}}); err != nil {
		t.Fatal(err)
	}
	if table.Version() == version {
		t.Error("a change has left the version as it was")
	}
	rows := make(map[uint32]eroute.Selector)
	ids := make(map[uint32]bool)
	for _, c := range changes {
		value, exists, err := table.gen.Entry(c.Selector)
		if err != nil || exists == (c.Selector == gone) {
			t.Fatalf("%v: %v", c.Selector, err)
		}
		if exists {
			rows[value.Id], ids[value.Id] = c.Selector, true
			for cpu := range cpus() {
				setCounters(t, table, value.Id, cpu, uint64(value.Id))
			}
		}
	}
	value, _, err := table.gen.Entry(trap)
	if err != nil {
		t.Fatal(err)
	}
	flow := eroute.Selector{Src: netip.MustParsePrefix("10.0.0.1/32"), Dst: netip.MustParsePrefix("10.9.0.1/32")}
	makeHold(t, table, flow, abi.Entry{Selector: trap, Value: *value})

	var last uint32
	seen := 0
	err = table.EachCount(func(id uint32, packets, bytes uint64) {
		if seen > 0 && id <= last {
			t.Errorf("%d comes after %d", id, last)
		}
		last = id
		seen++
		if want := uint64(id) * uint64(ebpf.MustPossibleCPU()); !ids[id] || packets != want || bytes != 100*want {
			t.Errorf("%d: %d packets of %d bytes, want %d", id, packets, bytes, want)
		}
	})
	if err != nil || seen != eroutes-1 {
		t.Errorf("%d counters, %v, want %d", seen, err, eroutes-1)
	}
	names, err := table.Named(ids)
	if err != nil || len(names) != len(rows) {
		t.Errorf("%d names, %v, want %d", len(names), err, len(rows))
	}
	for id, e := range names {
		if e.Selector != rows[id] {
			t.Errorf("%d is %v, want %v", id, e.Selector, rows[id])
		}
	}
	if holds, err := table.Holds(); err != nil || len(holds) != 1 || holds[0].Selector != flow || holds[0].SAID != eroute.Hold {
		t.Errorf("holds %v, %v", holds, err)
	}
}
