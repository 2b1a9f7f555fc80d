// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"math/bits"
	"net/netip"
	"testing"
	"unsafe"

	"github.com/cilium/ebpf"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/sas"
	"github.com/ipsec-eroute/eroute/pkg/tries"
)

// derived is all data that a table derives from its eroutes.
type derived struct {
	Sources map[netip.Prefix]tries.TupleCounts
	IDs     map[uint32]bool
	SAs     map[abi.SAIDKey][2]uint32 // eroutes that name it, IPv4 and IPv6; of a group's SAs also the group
	Slots   map[uint32]bool
	Blocks  map[uint32]bool // of the members of groups
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
	d := derived{map[netip.Prefix]tries.TupleCounts{}, map[uint32]bool{}, map[abi.SAIDKey][2]uint32{}, map[uint32]bool{}, map[uint32]bool{}, uint32(len(entries)), 0}
	groups := map[eroute.SAID]uint32{} // their slots
	for _, e := range entries {
		v := d.Sources[e.Selector.Src]
		v[abi.TupleOf(e.Selector)]++
		d.Sources[e.Selector.Src] = v
		if d.IDs[e.Value.Id] {
			t.Errorf("two eroutes share the counters %d", e.Value.Id)
		}
		d.IDs[e.Value.Id] = true
		if abi.ActionOf(&e.Value) == eroute.ActionSA {
			said, err := table.sas.Reader().SAIDAt(e.Value.Sa)
			if err != nil {
				t.Fatal(err)
			}
			refs := d.SAs[abi.NewSAIDKey(said)]
			if e.Selector.Src.Addr().Is4() {
				refs[0]++
			} else {
				refs[1]++
			}
			d.SAs[abi.NewSAIDKey(said)] = refs
			d.Slots[e.Value.Sa] = true
			if said.IsGroup() {
				groups[said] = e.Value.Sa
			}
		}
	}
	for said, slot := range groups {
		d.addMembers(t, table, said, slot)
	}
	if len(d.Slots) != len(d.SAs) {
		t.Errorf("%d SAs have %d slots", len(d.SAs), len(d.Slots))
	}
	return d
}

// addMembers adds what a group needs: its blocks, and one reference of each of its families to each of its SAs.
func (d *derived) addMembers(t *testing.T, table *Table, said eroute.SAID, slot uint32) {
	t.Helper()
	sa, err := table.sas.Read(slot)
	if err != nil {
		t.Fatal(err)
	}
	g := (*bpf.ABISaGroup)(unsafe.Pointer(&sa))
	members := said.Members()
	if int(g.Members) != len(members) || (g.Cells != 0) != (said.Spread() == eroute.SpreadFlow) {
		t.Fatalf("%s: %+v", said, g)
	}
	own := d.SAs[abi.NewSAIDKey(said)]
	for i, m := range members {
		var slot uint32
		if err := table.maps["eroute_members"].Lookup(g.First+uint32(i), &slot); err != nil {
			t.Fatal(err)
		}
		if got, err := table.sas.Reader().SAIDAt(slot); err != nil || got != m {
			t.Errorf("member %d of %s is %s, %v", i, said, got, err)
		}
		d.Slots[slot] = true
	}
	for _, m := range said.SAs() {
		refs := d.SAs[abi.NewSAIDKey(m)]
		d.SAs[abi.NewSAIDKey(m)] = [2]uint32{refs[0] + min(own[0], 1), refs[1] + min(own[1], 1)}
	}
	const block = uint32(bpf.ABILimitsMEMBERS_BLOCK)
	for at := g.First / block; at*block < g.First+g.Members+g.Cells; at++ {
		if d.Blocks[at] {
			t.Errorf("%s and another group have block %d", said, at)
		}
		d.Blocks[at] = true
	}
}

func haveDerived(t *testing.T, table *Table) derived {
	t.Helper()
	d := derived{Sources: map[netip.Prefix]tries.TupleCounts{}, SAs: map[abi.SAIDKey][2]uint32{}, IDs: taken(table.ids)}
	usedSlots(t, table, sas.BitmapName, func(b *pinned.Bitmap) { d.Slots = taken(b) })
	usedSlots(t, table, sas.BlocksName, func(b *pinned.Bitmap) { d.Blocks = taken(b) })
	sources, err := table.gen.AllSources()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range sources {
		if d.Sources[p], err = table.gen.Source(p); err != nil {
			t.Fatal(err)
		}
	}
	all, err := pinned.ReadAll(table.maps[sas.EntriesName], func(k *abi.SAIDKey, v *abi.SAIDValue) said { return said{*k, *v} })
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		key, v := s.key, s.value
		if sas.Families(v) == 0 {
			checkLender(t, table, v.Slot)
			delete(d.Slots, v.Slot)
			continue
		}
		d.SAs[key] = [2]uint32{v.Refs4, v.Refs6}
	}
	d.Count, d.Writing = table.count(), table.meta.Value.Writing
	return d
}

// said is an SA that the table names.
type said struct {
	key   abi.SAIDKey
	value abi.SAIDValue
}

// checkLender checks that an SA without eroutes exists because an SA with eroutes borrows its if_id.
func checkLender(t *testing.T, table *Table, slot uint32) {
	t.Helper()
	lender, err := table.sas.Read(slot)
	if err != nil {
		t.Fatal(err)
	}
	if lender.Borrower == 0 {
		t.Errorf("%s has no eroutes and no borrower", saidAt(t, table, slot))
		return
	}
	borrower, err := table.sas.Read(lender.Borrower - uint32(bpf.ABILimitsIF_ID_BASE))
	if err != nil {
		t.Fatal(err)
	}
	named, err := table.sas.Named()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := named[abi.NewSAIDKey(saidAt(t, table, lender.Borrower-uint32(bpf.ABILimitsIF_ID_BASE)))]; !ok || borrower.IfId != lender.IfId || lender.IfId != slot+uint32(bpf.ABILimitsIF_ID_BASE) {
		t.Errorf("%s has no eroutes, and %s does not borrow its if_id", saidAt(t, table, slot), saidAt(t, table, lender.Borrower-uint32(bpf.ABILimitsIF_ID_BASE)))
	}
}

func saidAt(t *testing.T, table *Table, slot uint32) eroute.SAID {
	t.Helper()
	said, err := table.sas.Reader().SAIDAt(slot)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

// usedSlots calls f with a bitmap of what SAs use.
func usedSlots(t *testing.T, table *Table, name string, f func(*pinned.Bitmap)) {
	t.Helper()
	b, err := pinned.OpenBitmap(table.maps[name])
	if err != nil {
		t.Fatal(err)
	}
	f(b)
	if err := b.Close(); err != nil {
		t.Fatal(err)
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
