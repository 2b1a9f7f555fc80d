// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"hash/maphash"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// latest finds the last change so far of a selector: a hash of positions, 4 to 8 bytes a
// change, where a map of selectors would take more than the changes themselves.
type latest struct {
	changes []eroute.Change
	seed    maphash.Seed
	slots   []uint32 // a position and 1, or 0; a power of two
}

func newLatest(changes []eroute.Change) *latest {
	size := 16
	for size < 2*len(changes) {
		size *= 2
	}
	return &latest{changes, maphash.MakeSeed(), make([]uint32, size)}
}

// slot returns where the selector's position is, or is to be.
func (l *latest) slot(s eroute.Selector) *uint32 {
	for h := maphash.Comparable(l.seed, s); ; h++ {
		at := &l.slots[h&uint64(len(l.slots)-1)]
		if *at == 0 || l.changes[*at-1].Selector == s {
			return at
		}
	}
}

// of returns the last change of a selector, nil if there is none.
func (l *latest) of(s eroute.Selector) *eroute.Change {
	if at := *l.slot(s); at != 0 {
		return &l.changes[at-1]
	}
	return nil
}

// put notes that the change at a position is its selector's last.
func (l *latest) put(position int) {
	*l.slot(l.changes[position].Selector) = uint32(position + 1)
}

// clear forgets all.
func (l *latest) clear() { clear(l.slots) }
