// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"math/bits"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/tries"
)

// derived is all data that a table derives from its eroutes.
type derived struct {
	Sources map[netip.Prefix]tries.TupleCounts
	IDs     map[uint32]bool
	SAs     map[abi.SAIDKey][2]uint32 // eroutes that name it, IPv4 and IPv6
	Slots   map[uint32]bool
	Count   uint32
	Writing uint32
}

// checkDerived checks that a table opened for writing holds exactly what its eroutes need: no leak, nothing
// missing.
func checkDerived(t *testing.T, table *Table) {
	t.Helper()
	if diff := cmp.Diff(wantDerived(t, table), haveDerived(t, table), cmpopts.EquateComparable(netip.Prefix{})); diff != "" {
		t.Errorf("derived from the eroutes (-want +have):\n%s", diff)
	}
	checkIndexes(t, table)
	for _, name := range tries.MapNames {
		var trie *ebpf.Map
		if err := table.maps[name].Lookup(1-table.generation(), &trie); !errors.Is(err, ebpf.ErrKeyNotExist) {
			t.Errorf("the generation of %s that is not in use: %v", name, err)
		}
	}
}

func wantDerived(t *testing.T, table *Table) derived {
	t.Helper()
	entries, err := table.gen.Entries()
	if err != nil {
		t.Fatal(err)
	}
	d := derived{map[netip.Prefix]tries.TupleCounts{}, map[uint32]bool{}, map[abi.SAIDKey][2]uint32{}, map[uint32]bool{}, uint32(len(entries)), 0}
	for _, e := range entries {
		v := d.Sources[e.Selector.Src]
		v[abi.TupleOf(e.Selector)]++
		d.Sources[e.Selector.Src] = v
		if d.IDs[e.Value.Id] {
			t.Errorf("two eroutes share the counters %d", e.Value.Id)
		}
		d.IDs[e.Value.Id] = true
		if abi.ActionOf(&e.Value) == eroute.ActionSA {
			sa, err := table.readSA(e.Value.Sa)
			if err != nil {
				t.Fatal(err)
			}
			said := slotSAID(&sa)
			refs := d.SAs[abi.NewSAIDKey(said)]
			if e.Selector.Src.Addr().Is4() {
				refs[0]++
			} else {
				refs[1]++
			}
			d.SAs[abi.NewSAIDKey(said)] = refs
			d.Slots[e.Value.Sa] = true
		}
	}
	if len(d.Slots) != len(d.SAs) {
		t.Errorf("%d SAs have %d slots", len(d.SAs), len(d.Slots))
	}
	return d
}

func haveDerived(t *testing.T, table *Table) derived {
	t.Helper()
	d := derived{Sources: map[netip.Prefix]tries.TupleCounts{}, SAs: map[abi.SAIDKey][2]uint32{}, IDs: taken(table.ids), Slots: taken(table.slots)}
	sources, err := table.gen.AllSources()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range sources {
		if d.Sources[p], err = table.gen.Source(p); err != nil {
			t.Fatal(err)
		}
	}
	all, err := table.allSAIDs()
	if err != nil {
		t.Fatal(err)
	}
	for key, v := range all {
		if familiesOf(v) == 0 {
			checkKept(t, table, key)
			delete(d.Slots, v.Slot)
			continue
		}
		d.SAs[key] = [2]uint32{v.Refs4, v.Refs6}
	}
	d.Count, d.Writing = table.count(), table.meta.Value.Writing
	return d
}

// checkKept checks that an SA without eroutes is kept because another SA borrows its if_id.
func checkKept(t *testing.T, table *Table, key abi.SAIDKey) {
	t.Helper()
	n, err := table.namedSA(key)
	if err != nil {
		t.Fatal(err)
	}
	p, err := table.partner(n)
	if err != nil || p == nil || n.borrows() || familiesOf(p.value) == 0 {
		t.Errorf("%s has no eroutes and nobody borrows from it: %v", key.SAID(), err)
	}
}

func taken(b *pinned.Bitmap) map[uint32]bool {
	all := map[uint32]bool{}
	for i, word := range b.Words {
		for ; word != 0; word &= word - 1 {
			all[uint32(i*64+bits.TrailingZeros64(word))] = true
		}
	}
	return all
}
