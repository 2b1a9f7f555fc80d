// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// chosenAddresses are pairs of addresses that differ from the first in the highest bits of a word, and in those
// to which a multiplication by a known number and a shift carry this difference: a hash that XORs a secret in
// first and goes on so gives 15 of the other 35 the hash of the first, whatever the secret is.
func chosenAddresses() (chosen [][2]netip.Addr) {
	const top, next = 1<<63 | 1<<31, 1<<62 | 1<<30
	half := [][2]uint64{{}, {1 << 63, top}, {1 << 62, next}, {1 << 62, next | top}, {3 << 62, next}, {3 << 62, next | top}}
	base := netip.MustParseAddr("2001:db8:1234:5678:9abc:def0:1357:2468").As16()
	for _, high := range half {
		for _, low := range half {
			var pair [2]netip.Addr
			for i := range pair {
				a := base
				for at, differ := range []uint64{high[i], low[i]} {
					word := binary.NativeEndian.Uint64(a[8*at:])
					binary.NativeEndian.PutUint64(a[8*at:], word^differ)
				}
				pair[i] = netip.AddrFrom16(a)
			}
			chosen = append(chosen, pair)
		}
	}
	return chosen
}

// Whoever chooses packets cannot choose that they meet in one place of the remembered answers: of the flows of
// chosenAddresses, each has a set of its own, by chance two share one.
func TestChosenFlowsSpread(t *testing.T) {
	for range 4 { // secrets
		table := newTable(t)
		everything := eroute.Selector{Src: netip.MustParsePrefix("::/0"), Dst: netip.MustParsePrefix("::/0")}
		mustApply(t, table, &eroute.Linear{}, add(everything, eroute.Drop))
		chosen := chosenAddresses()
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

// fullest6 returns how many answers to IPv6 packets are in the set that has most, and in all.
func fullest6(t *testing.T, table *Table) (most, all int) {
	t.Helper()
	array := table.Map("eroute_cache6")
	slots, err := pinned.TakenSlots(array)
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range slots {
		var sheet *ebpf.Map
		if err := array.Lookup(slot, &sheet); err != nil {
			t.Fatal(err)
		}
		var cursor ebpf.MapBatchCursor
		sets := make([]bpf.ABICacheBucket6, sheet.MaxEntries())
		if _, err := sheet.BatchLookup(&cursor, make([]uint32, len(sets)), sets, nil); err != nil {
			t.Fatal(err)
		}
		_ = sheet.Close()
		for _, set := range sets {
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
