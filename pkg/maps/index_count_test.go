// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// A table made at once gets an index with room for the kinds it needs: not so little that it has to be made
// larger, nor much more.
func TestIndexInitialSize(t *testing.T) {
	const eroutes = 3000
	address := func(n int) netip.Prefix {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], 10<<24+uint32(n))
		return netip.PrefixFrom(netip.AddrFrom4(b), 32)
	}
	for name, c := range map[string]struct {
		sources, kinds int
	}{
		"one source":           {1, 1 + 12}, // and blocks of 24 bits
		"as many as there are": {eroutes, 2 * eroutes},
	} {
		t.Run(name, func(t *testing.T) {
			table := newTable(t)
			var changes []eroute.Change
			for i := range eroutes {
				s := eroute.Selector{Src: address(i % c.sources), Dst: address(i)}
				changes = append(changes, eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: eroute.Drop})
			}
			if err := table.Apply(t.Context(), changes); err != nil {
				t.Fatal(err)
			}
			ix := table.indexesOf(table.generation())
			if err := ix.openThere(); err != nil {
				t.Fatal(err)
			}
			defer func() { _ = ix.Close() }()
			x := ix.open[0]
			if int(x.head.Summaries) > c.kinds || x.kinds.room() < c.kinds || x.kinds.room() > c.kinds*5/4+kindLoad {
				t.Errorf("%d kinds, room for %d, want %d", x.head.Summaries, x.kinds.room(), c.kinds)
			}
			if int(x.head.Slots) != eroutes || x.slots.room() < eroutes || x.slots.room() > eroutes*5/4 {
				t.Errorf("%d slots, room for %d, want %d", x.head.Slots, x.slots.room(), eroutes)
			}
		})
	}
}
