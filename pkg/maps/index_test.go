// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/index"
	"github.com/ipsec-eroute/eroute/pkg/lookup"
)

// checkIndexes checks that the indexes hold exactly the eroutes of the tries.
func checkIndexes(t *testing.T, table *Table) {
	t.Helper()
	other := table.indexesOf(1 - table.generation())
	if err := other.OpenExisting(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	for i, family := range abi.Families {
		if other.Index(i) != nil {
			t.Errorf("there is an index of %v of the generation that is not in use", family)
		}
		rows, err := table.gen.Family(family)
		if err != nil {
			t.Fatal(err)
		}
		checkOneIndex(t, table, i, rows)
	}
}

func checkOneIndex(t *testing.T, table *Table, i int, rows []abi.Entry) {
	t.Helper()
	ix := table.indexesOf(table.generation())
	if err := ix.OpenExisting(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ix.Close() }()
	x := ix.Index(i)
	if x == nil {
		if len(rows) > 0 {
			t.Errorf("no index of %d eroutes of %v", len(rows), abi.Families[i])
		}
		return
	}
	for _, e := range rows {
		if row := x.Lookup(e.Selector); row == nil || *row != index.ValueOf(&e.Value) {
			t.Errorf("%v: index has %+v, the table %+v", e.Selector, row, e.Value)
		}
	}
	have := 0
	for range x.All {
		have++
	}
	if have != len(rows) || x.Len() != have {
		t.Errorf("index has %d eroutes, counts %d; the table has %d", have, x.Len(), len(rows))
	}
}

// TestIndexIsUsed checks that lookups use the index while nothing is written, and the tries otherwise.
func TestIndexIsUsed(t *testing.T) {
	for _, s := range []eroute.Selector{sel("10.1.0.0/16", "10.2.0.0/16"), sel("2001:db8::/32", "::/0"), sel("0.0.0.0/0", "0.0.0.0/0")} {
		table, reference := newTable(t), &eroute.Linear{}
		mustApply(t, table, reference, add(s, eroute.Drop))
		p := eroute.Packet{Src: s.Src.Addr(), Dst: s.Dst.Addr(), Proto: 17, SrcPort: 1, DstPort: 2}
		if err := table.gen.DeleteEntry(s); err != nil {
			t.Fatal(err)
		}
		checkAnswer := func(port uint16, want bool) { // each port is a new flow, not in the cache
			t.Helper()
			p.SrcPort = port
			frame, err := lookup.Frame(p)
			if err != nil {
				t.Fatal(err)
			}
			if _, found, err := table.lookupFrame(frame, p); found || (err != nil) != want {
				t.Errorf("%v: %v, %v", s, found, err)
			}
		}
		checkAnswer(1, true) // the index finds an eroute that is no longer in the table
		table.beginWriting()
		checkAnswer(2, false)
		table.endWriting()
		checkAnswer(3, true)
	}
}

// TestIndexGrows checks that an index grows as eroutes are added, singly and in bulk, and is rebuilt after many
// deletions.
func TestIndexGrows(t *testing.T) {
	const many = 3000
	table, reference := newTable(t), &eroute.Linear{}
	var changes []eroute.Change
	for i := range many {
		changes = append(changes, add(nth(i), eroute.Drop))
	}
	for _, c := range changes[:200] {
		mustApply(t, table, reference, c)
	}
	mustApply(t, table, reference, changes[200:]...)
	checkDerived(t, table)
	for i := range many {
		if i%7 != 0 {
			continue
		}
		mustApply(t, table, reference, eroute.Change{Op: eroute.OpDel, Selector: nth(i)})
	}
	checkDerived(t, table)
	for i := range many {
		s := nth(i)
		checkPacket(t, table, reference, eroute.Packet{Src: s.Src.Addr(), Dst: s.Dst.Addr(), Proto: 6, SrcPort: 1, DstPort: 2})
	}
}
