// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/internal/collisions"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// TestChosenFlowsSpread checks that the sender of packets cannot choose flows that collide in one cache bucket:
// the flows of collisions.Addresses have different buckets, apart from chance collisions.
func TestChosenFlowsSpread(t *testing.T) {
	for range 4 { // each with other secrets
		table := newTable(t)
		everything := eroute.Selector{Src: netip.MustParsePrefix("::/0"), Dst: netip.MustParsePrefix("::/0")}
		mustApply(t, table, &eroute.Linear{}, add(everything, eroute.Drop))
		chosen := collisions.Addresses()
		onCPU(t, 0, func() {
			for range 4 {
				for _, c := range chosen {
					if _, found, err := table.Lookup(eroute.Packet{Src: c[0], Dst: c[1], Proto: 17, SrcPort: 1, DstPort: 2}); err != nil || !found {
						t.Fatal(found, err)
					}
				}
			}
		})
		if most, kept := fullest6(t, table); most > 3 || kept < len(chosen) {
			t.Errorf("%d of %d chosen flows are in one set; %d are kept", most, len(chosen), kept)
		}
	}
}

// fullest6 returns the number of IPv6 cache entries in the fullest bucket, and in all buckets.
func fullest6(t *testing.T, table *Table) (most, all int) {
	t.Helper()
	array := table.Map("eroute_cache6")
	slots, err := pinned.TakenSlots(array)
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range slots {
		var chunk *ebpf.Map
		if err := array.Lookup(slot, &chunk); err != nil {
			t.Fatal(err)
		}
		var cursor ebpf.MapBatchCursor
		buckets := make([]bpf.ABICacheBucket6, chunk.MaxEntries())
		if _, err := chunk.BatchLookup(&cursor, make([]uint32, len(buckets)), buckets, nil); err != nil {
			t.Fatal(err)
		}
		_ = chunk.Close()
		for _, set := range buckets {
			in := 0
			for _, way := range set.Way {
				if way.Words.Version != 0 {
					in++
				}
			}
			most, all = max(most, in), all+in
		}
	}
	return most, all
}
