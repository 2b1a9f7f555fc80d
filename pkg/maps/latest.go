// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"hash/maphash"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// latest finds the last change so far of each selector. It is a hash table of positions and takes 4 to 8 bytes
// per change; a map keyed by selector would take more than the changes themselves.
type latest struct {
	changes *eroute.Changes
	seed    maphash.Seed
	slots   []uint32 // position + 1, or 0 if empty; the length is a power of two
}

func newLatest(changes *eroute.Changes) *latest {
	size := 16
	for size < 2*changes.Len() {
		size *= 2
	}
	return &latest{changes, maphash.MakeSeed(), make([]uint32, size)}
}

// of returns the slot that holds the position + 1 of a selector's last change; 0 if it has none.
func (l *latest) of(s eroute.Selector) *uint32 {
	for h := maphash.Comparable(l.seed, s); ; h++ {
		at := &l.slots[h&uint64(len(l.slots)-1)]
		if *at == 0 || l.changes.At(int(*at-1)).Selector == s {
			return at
		}
	}
}

// clear removes all positions.
func (l *latest) clear() { clear(l.slots) }
