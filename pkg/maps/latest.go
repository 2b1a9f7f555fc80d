// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"hash/maphash"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// latest finds the last change so far of a selector: a hash of positions, 4 to 8 bytes a
// change, where a map of selectors would take more than the changes themselves.
type latest struct {
	changes *eroute.Changes
	seed    maphash.Seed
	slots   []uint32 // a position and 1, or 0; a power of two
}

func newLatest(changes *eroute.Changes) *latest {
	size := 16
	for size < 2*changes.Len() {
		size *= 2
	}
	return &latest{changes, maphash.MakeSeed(), make([]uint32, size)}
}

// of returns where the position of a selector's last change is kept, and 1; 0 if it has none.
func (l *latest) of(s eroute.Selector) *uint32 {
	for h := maphash.Comparable(l.seed, s); ; h++ {
		at := &l.slots[h&uint64(len(l.slots)-1)]
		if *at == 0 || l.changes.At(int(*at-1)).Selector == s {
			return at
		}
	}
}

// clear forgets all.
func (l *latest) clear() { clear(l.slots) }
