// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"iter"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// inTurn yields changes, and then an error if it is not nil.
func inTurn(err error, changes ...eroute.Change) iter.Seq2[eroute.Change, error] {
	return func(yield func(eroute.Change, error) bool) {
		for _, c := range changes {
			if !yield(c, nil) {
				return
			}
		}
		if err != nil {
			yield(eroute.Change{}, err)
		}
	}
}

func mustRestore(t *testing.T, table *Table, l *eroute.Linear, want Effect, changes ...eroute.Change) {
	t.Helper()
	got, err := table.Restore(t.Context(), inTurn(nil, changes...), true)
	if err != nil || got != want {
		t.Fatalf("restore: %+v, %v, want %+v", got, err, want)
	}
	l.Clear()
	for _, c := range changes {
		if err := l.Add(c.Selector, c.SAID); err != nil {
			t.Fatal(err)
		}
	}
}

var (
	tunnelSA = eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x135, Dst: netip.MustParseAddr("192.1.2.45")}
	otherSA  = eroute.SAID{Proto: eroute.ProtoESP, SPI: 0x136, Dst: netip.MustParseAddr("2001:db8::1")}
)

// TestRestore checks that a restore replaces a whole table: eroutes that are equal in both keep their counters,
// and nothing is left of the others.
func TestRestore(t *testing.T) {
	table, reference := newTable(t), &eroute.Linear{}
	six := sel("2001:db8::/32", "::/0")
	mustApply(t, table, reference, add(nth(0), eroute.Drop), add(nth(1), tunnelSA), add(nth(2), eroute.Pass), add(six, tunnelSA))
	row, _, err := table.gen.Entry(nth(1))
	if err != nil {
		t.Fatal(err)
	}
	kept := row.Id
	mustRestore(t, table, reference, Effect{Added: 1, Changed: 1, Deleted: 2, Kept: 1},
		add(nth(1), tunnelSA), add(nth(2), eroute.Reject), add(nth(9), otherSA))
	compareListings(t, table, reference)
	checkDerived(t, table)
	if row, _, err = table.gen.Entry(nth(1)); err != nil || row.Id != kept {
		t.Errorf("counters %d, %v, before %d", row.Id, err, kept)
	}
	mustApply(t, table, reference, add(nth(3), eroute.Drop), replace(nth(1), otherSA))
	checkDerived(t, table)
	mustRestore(t, table, reference, Effect{Deleted: 4})
	compareListings(t, table, reference)
	checkDerived(t, table)
}

// TestRestoreRefused checks that a restore that is refused, ends early, or is a dry run changes nothing and
// leaves nothing.
func TestRestoreRefused(t *testing.T) {
	broken := errors.New("broken off")
	trap := add(nth(5), eroute.Trap)
	trap.Acquire = eroute.AcquireParams{Mode: eroute.DefaultAcquire.Mode, Proto: eroute.DefaultAcquire.Proto, ReqID: 7}
	for _, c := range []struct {
		name   string
		commit bool
		with   iter.Seq2[eroute.Change, error]
		want   error
	}{
		{"twice the same", true, inTurn(nil, add(nth(4), otherSA), trap, add(nth(4), eroute.Drop)), eroute.ErrExist},
		{"no eroute", true, inTurn(nil, add(nth(4), otherSA), add(eroute.Selector{Src: nth(1).Src, Dst: netip.MustParsePrefix("::/0")}, eroute.Drop)), eroute.ErrMixedFamilies},
		{"broken off", true, inTurn(broken, add(nth(4), otherSA), trap, add(nth(0), tunnelSA)), broken},
		{"too many", true, inTurn(nil, add(nth(4), otherSA), trap, add(nth(6), eroute.Drop), add(nth(7), eroute.Drop)), eroute.ErrTableFull},
		{"only tried", false, inTurn(nil, add(nth(4), otherSA), trap, add(nth(0), tunnelSA)), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			table, reference := newTable(t), &eroute.Linear{}
			mustApply(t, table, reference, add(nth(0), eroute.Drop), add(nth(1), tunnelSA), add(nth(5), eroute.Trap))
			if err := table.SetLimit(3); err != nil {
				t.Fatal(err)
			}
			if _, err := table.Restore(t.Context(), c.with, c.commit); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			compareListings(t, table, reference)
			checkDerived(t, table)
			if got, err := table.AcquireParams(nth(5)); err != nil || got != eroute.DefaultAcquire {
				t.Errorf("ACQUIRE parameters %+v, %v", got, err)
			}
			if err := table.SetLimit(10); err != nil {
				t.Fatal(err)
			}
			mustApply(t, table, reference, add(nth(8), otherSA))
			checkDerived(t, table)
		})
	}
}

// TestRestoreUnderTraffic checks that each packet matches against one of two tables that replace each other,
// while all CPUs look packets up, and only against the new one after a restore has returned.
func TestRestoreUnderTraffic(t *testing.T) {
	table, reference := newTable(t), &eroute.Linear{}
	tables := [2][]eroute.Change{}
	for i := range 500 {
		tables[0] = append(tables[0], add(nth(i), eroute.Drop))
		tables[1] = append(tables[1], add(nth(i), eroute.Pass))
	}
	mustRestore(t, table, reference, Effect{Added: 500}, tables[0]...)
	p := eroute.Packet{Src: nth(7).Src.Addr(), Dst: nth(7).Dst.Addr(), Proto: 17, SrcPort: 1, DstPort: 2}
	stop := lookUpContinuously(t, table, p)
	for i := 1; i < 40 && !t.Failed(); i++ {
		mustRestore(t, table, reference, Effect{Changed: 500}, tables[i%2]...)
		for range 20 {
			checkPacket(t, table, reference, p)
		}
	}
	stop()
	checkDerived(t, table)
}

// TestRestoreInterrupted checks that a restore killed before it switches has changed nothing and is
// distinguished from half made changes. The next writer ends both states.
func TestRestoreInterrupted(t *testing.T) {
	table := newTable(t)
	for _, c := range []struct {
		begin             func()
		written, restored bool
	}{
		{func() {}, false, false},
		{table.beginBuilding, false, true},
		{table.beginWriting, true, false},
	} {
		c.begin()
		if w, r := table.HalfWritten(), table.HalfRestored(); w != c.written || r != c.restored {
			t.Errorf("half written %v, half restored %v, want %v, %v", w, r, c.written, c.restored)
		}
		if err := table.repair(); err != nil {
			t.Fatal(err)
		}
		if table.HalfWritten() || table.HalfRestored() {
			t.Error("repair has left a mark")
		}
	}
}
