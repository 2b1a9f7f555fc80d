// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// write opens East's table for changes, like a command.
func (b bench) write(t *testing.T, f func(*maps.Table) error) {
	t.Helper()
	err := b.East.Do(func() error {
		table, err := maps.OpenWrite()
		if err != nil {
			return err
		}
		return errors.Join(f(table), table.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
}

// apply makes changes in East's table.
func (b bench) apply(t *testing.T, changes ...eroute.Change) {
	t.Helper()
	b.write(t, func(table *maps.Table) error { return table.Apply(context.Background(), changes) })
}

// add adds an eroute, which is deleted when the test ends.
func (b bench) add(t *testing.T, s eroute.Selector, said string) {
	t.Helper()
	b.apply(t, eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: parseSAID(t, said)})
	t.Cleanup(func() { b.del(t, s) })
}

// replace gives an eroute another SAID.
func (b bench) replace(t *testing.T, s eroute.Selector, said string) {
	t.Helper()
	b.apply(t, eroute.Change{Op: eroute.OpReplace, Selector: s, SAID: parseSAID(t, said)})
}

func (b bench) del(t *testing.T, s eroute.Selector) {
	t.Helper()
	b.apply(t, eroute.Change{Op: eroute.OpDel, Selector: s})
}

// follow updates SAs and devices like "ipsec eroute --sync".
func (b bench) follow(t *testing.T) {
	t.Helper()
	b.sync(t)
	b.write(t, func(table *maps.Table) error {
		_, err := device.Follow(table)
		return err
	})
}

func (b bench) sync(t *testing.T) {
	t.Helper()
	b.write(t, func(table *maps.Table) error { return table.Sync(context.Background()) })
}

// eroute returns an eroute with its counters.
func (b bench) eroute(t *testing.T, s eroute.Selector) eroute.Eroute {
	t.Helper()
	var found *eroute.Eroute
	b.read(t, func(table *maps.Table) error {
		for e, err := range table.All() {
			if err != nil {
				return err
			}
			if e.Selector == s {
				found = &e
			}
		}
		return nil
	})
	if found == nil {
		t.Fatalf("no eroute %s -> %s", s.Src, s.Dst)
	}
	return *found
}

// stats returns the table's totals.
func (b bench) stats(t *testing.T) maps.Stats {
	t.Helper()
	var stats maps.Stats
	b.read(t, func(table *maps.Table) (err error) {
		stats, err = table.Stats()
		return err
	})
	return stats
}

// reasons returns the number of packets of each reason.
func (b bench) reasons(t *testing.T) map[string]uint64 {
	t.Helper()
	counts := map[string]uint64{}
	for _, r := range b.stats(t).Reasons {
		counts[r.Name] = r.Packets
	}
	return counts
}

// read opens East's table for reading, like a command.
func (b bench) read(t *testing.T, f func(*maps.Table) error) {
	t.Helper()
	err := b.East.Do(func() error {
		table, err := maps.OpenRead()
		if err != nil {
			return err
		}
		return errors.Join(f(table), table.Close())
	})
	if err != nil {
		t.Fatal(err)
	}
}

func parseSAID(t *testing.T, text string) eroute.SAID {
	t.Helper()
	said, err := eroute.ParseSAID(context.Background(), text, nil)
	if err != nil {
		t.Fatal(err)
	}
	return said
}

func nets(src, dst netip.Prefix) eroute.Selector { return eroute.Selector{Src: src, Dst: dst} }
