// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// TestReadSlots checks that a reader finds the SAID of every eroute, also with more SAs than one batch.
func TestReadSlots(t *testing.T) {
	const many = pinned.BatchSize + 100
	table, reference := newTable(t), &eroute.Linear{}
	var changes []eroute.Change
	saids := map[eroute.Selector]eroute.SAID{}
	for i := range many {
		said := eroute.SAID{Proto: eroute.ProtoESP, SPI: 0x1000 + uint32(i), Dst: netip.MustParseAddr("192.0.2.1")}
		if i%2 == 1 {
			said.Proto, said.Dst = eroute.ProtoTun, netip.MustParseAddr("2001:db8::1")
		}
		changes, saids[nth(i)] = append(changes, add(nth(i), said)), said
	}
	mustApply(t, table, reference, changes...)
	if err := table.Close(); err != nil {
		t.Fatal(err)
	}
	read, err := OpenRead()
	if err != nil {
		t.Fatal(err)
	}
	*table = *read // for newTable to remove
	compareListings(t, table, reference)
	for e, err := range table.Matching(func(eroute.Selector) bool { return true }) {
		if err != nil || e.SAID != saids[e.Selector] {
			t.Fatalf("%v: %s, %v, want %s", e.Selector, e.SAID, err, saids[e.Selector])
		}
	}
	if stats, err := table.Stats(); err != nil || stats.SAsMissing != many {
		t.Errorf("%d SAs are missing, %v, want %d", stats.SAsMissing, err, many)
	}
}
