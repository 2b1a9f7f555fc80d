// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"cmp"
	"maps"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// ages orders states that were created in the same second by when they were first seen.
type ages struct {
	seen map[xfrm.StateKey]uint64
	last uint64
}

// note numbers the states that it has not seen before, and deletes those that no longer exist. States first seen
// together are ordered by SPI, destination and protocol, so that the order is deterministic.
func (g *ages) note(states xfrm.States) {
	for key := range g.seen {
		if _, ok := states[key]; !ok {
			delete(g.seen, key)
		}
	}
	keys := slices.SortedFunc(maps.Keys(states), func(x, y xfrm.StateKey) int {
		return cmp.Or(cmp.Compare(x.SPI, y.SPI), x.Dst.Compare(y.Dst), cmp.Compare(x.Proto, y.Proto))
	})
	for _, key := range keys {
		if _, ok := g.seen[key]; !ok {
			g.last++
			g.seen[key] = g.last
		}
	}
}
