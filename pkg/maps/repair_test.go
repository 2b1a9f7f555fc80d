// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/sas"
	"github.com/ipsec-eroute/eroute/pkg/tries"
)

// reopen returns the table as the next command sees it after one was killed while it changed the table: the
// lock is free, but the writing mark is set.
func reopen(t *testing.T, table *Table) *Table {
	t.Helper()
	table.beginWriting()
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	table, err := OpenWrite()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestRepair checks that the next command repairs what a command killed at any step left, and that each eroute
// is either absent or complete.
func TestRepair(t *testing.T) {
	said := eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x135, Dst: netip.MustParseAddr("192.1.2.45")}
	other := eroute.SAID{Proto: eroute.ProtoESP, SPI: 0x136, Dst: netip.MustParseAddr("2001:db8::1")}
	six := sel("2001:db8::/32", "::/0")
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	hold := func(table *Table, s eroute.SAID, family eroute.Family) {
		t.Helper()
		view, err := table.sas.NewView()
		must(err)
		_, err = table.sas.Hold(sas.Ref{SAID: s, Family: family}, view)
		must(err)
	}
	for _, c := range []struct {
		name  string
		leave func(table *Table, l *eroute.Linear) // changes the reference to the expected result
	}{
		{"nothing", func(*Table, *eroute.Linear) {}},
		{"a counter slot without an eroute", func(table *Table, _ *eroute.Linear) {
			_, err := table.ids.Take()
			must(err)
		}},
		{"an SA's slot without the SA", func(table *Table, _ *eroute.Linear) {
			var slot uint32
			usedSlots(t, table, sas.BitmapName, func(b *pinned.Bitmap) {
				var err error
				slot, err = b.Take()
				must(err)
			})
			must(table.maps["eroute_sas"].Put(slot, bpf.ABISa{
				Spi: other.SPI, Proto: other.Proto, Family: uint8(eroute.FamilyOf(other.Dst)), Edst: abi.AddrBytes(other.Dst),
				Use: uint8(bpf.ABISaUseSA_READY), IfId: uint32(bpf.ABILimitsIF_ID_BASE) + slot,
			}))
		}},
		{"an SA without an eroute", func(table *Table, _ *eroute.Linear) {
			hold(table, other, eroute.Inet6)
		}},
		{"an SA held once too often", func(table *Table, _ *eroute.Linear) {
			for _, family := range []eroute.Family{eroute.Inet, eroute.Inet6} {
				hold(table, said, family)
			}
		}},
		{"a source prefix without an eroute", func(table *Table, _ *eroute.Linear) {
			must(tries.NewSources(table.gen, table.uncounted).Add(sel("10.99.0.0/16", "0.0.0.0/0")))
			must(tries.NewSources(table.gen, table.uncounted).Add(sel("::/0", "::/0")))
		}},
		{"a source prefix counted for a tuple of which it has no eroute", func(table *Table, _ *eroute.Linear) {
			s := nth(0)
			s.Proto, s.DstPort = 6, 80
			must(tries.NewSources(table.gen, table.uncounted).Add(s))
			must(tries.NewSources(table.gen, table.uncounted).Add(six))
		}},
		{"an eroute that is not counted", func(table *Table, l *eroute.Linear) {
			id, err := table.ids.Take()
			must(err)
			must(table.counts.Reset(id))
			must(tries.NewSources(table.gen, table.uncounted).Add(nth(9)))
			must(putRow(table, nth(9), abi.NewValue(eroute.Change{Selector: nth(9), SAID: eroute.Hold}, id, 0)))
			must(l.Add(nth(9), eroute.Hold))
		}},
		{"an eroute switched, the old SA still held", func(table *Table, l *eroute.Linear) {
			id, err := table.ids.Take()
			must(err)
			must(table.counts.Reset(id))
			must(putRow(table, nth(1), abi.NewValue(eroute.Change{Selector: nth(1), SAID: eroute.Pass}, id, 0)))
			l.Replace(nth(1), eroute.Pass)
		}},
		{"an eroute deleted, still counted and noted", func(table *Table, l *eroute.Linear) {
			must(table.gen.DeleteEntry(nth(1)))
			must(l.Del(nth(1)))
		}},
		{"a generation begun", func(table *Table, _ *eroute.Linear) {
			must(tries.Create(table.dir.Path(), table.maps, 1-table.generation()))
		}},
		{"a generation begun, with some of its maps", func(table *Table, _ *eroute.Linear) {
			must(tries.Create(table.dir.Path(), table.maps, 1-table.generation()))
			must(table.maps[tries.MapNames[2]].Delete(1 - table.generation()))
		}},
		{"a table cleared, the old generation still there", func(table *Table, l *eroute.Linear) {
			next := 1 - table.generation()
			must(tries.Create(table.dir.Path(), table.maps, next))
			table.meta.Value.Generation = next
			table.setCounts([len(abi.Families)]uint32{})
			l.Clear()
		}},
		{"everything", func(table *Table, _ *eroute.Linear) {
			table.setCounts([len(abi.Families)]uint32{77, 4})
			for i := range table.ids.Words[:100] {
				table.ids.Words[i] = ^uint64(0)
			}
			usedSlots(t, table, sas.BitmapName, func(b *pinned.Bitmap) { b.Words[3] = 5 })
			must(tries.NewSources(table.gen, table.uncounted).Add(sel("10.99.0.0/16", "0.0.0.0/0")))
			must(table.maps[sas.EntriesName].Put(abi.NewSAIDKey(other), abi.SAIDValue{Slot: 4711, Refs4: 3}))
			must(table.maps[sas.EntriesName].Put(abi.NewSAIDKey(said), abi.SAIDValue{Slot: 0, Refs4: 30, Refs6: 2}))
			must(tries.Create(table.dir.Path(), table.maps, 1-table.generation()))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, reference := newTable(t), &eroute.Linear{}
			mustApply(t, table, reference, add(nth(0), eroute.Drop), add(nth(1), said), add(six, said))
			c.leave(table, reference)
			left := reopen(t, table)
			*table = *left // for newTable to remove
			compareListings(t, table, reference)
			checkDerived(t, table)
			mustApply(t, table, reference, add(nth(20), other), replace(nth(0), said), add(nth(21), eroute.Pass))
			compareListings(t, table, reference)
			checkDerived(t, table)
			mustApply(t, table, reference, empty)
			checkDerived(t, table)
		})
	}
}

// TestNoRepairWhenUnchanged checks that opening a table that no command was changing does not scan it.
func TestNoRepairWhenUnchanged(t *testing.T) {
	table, reference := newTable(t), &eroute.Linear{}
	mustApply(t, table, reference, add(nth(0), eroute.Drop))
	table.setCounts([len(abi.Families)]uint32{12, 1}) // a repair would correct these
	before := *table.meta.Value
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := OpenWrite()
	if err != nil {
		t.Fatal(err)
	}
	*table = *again
	if got := *table.meta.Value; got != before {
		t.Errorf("%+v, want %+v", got, before)
	}
}

// putRow writes only an entry, without derived data.
func putRow(table *Table, s eroute.Selector, v bpf.ABIErouteValue) error {
	r := tries.NewEntryWriter(table.gen)
	return errors.Join(r.Put(s, v), r.Flush())
}
