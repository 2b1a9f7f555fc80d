// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"errors"
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

var magicSAIDs = [...]eroute.SAID{
	eroute.ActionPass: eroute.Pass, eroute.ActionDrop: eroute.Drop, eroute.ActionReject: eroute.Reject,
	eroute.ActionHold: eroute.Hold, eroute.ActionTrap: eroute.Trap, eroute.ActionTrapSubnet: eroute.TrapSubnet,
	eroute.ActionXFRM: eroute.XFRM,
}

// fewSlots is the number of slots that are read one at a time before batches are used. The first batch has
// leastSlots, each later one as many as are already read. A single read costs about as much as slotsForOne
// slots in a batch.
const (
	fewSlots    = 8
	slotsForOne = 16
	leastSlots  = 64
)

// Reader reads slots and caches them. It is for one pass over the table.
type Reader struct {
	*Set
	alone  int
	cursor ebpf.MapBatchCursor
	read   []bpf.ABISa // the first slots
	groups map[uint32]groupRead
}

// Reader returns a reader that has read no slot yet.
func (set *Set) Reader() *Reader { return &Reader{Set: set, groups: make(map[uint32]groupRead)} }

// At returns the value of a slot. Slots are allocated from the lowest, so those before it are mostly in use:
// after a few single reads, At reads all of them in batches.
func (r *Reader) At(slot uint32) (sa bpf.ABISa, err error) {
	if int(slot) >= len(r.read) && r.alone < max(fewSlots, int(slot)/slotsForOne) {
		r.alone++
		return r.Read(slot)
	}
	for have := len(r.read); int(slot) >= have; have = len(r.read) {
		more := min(max(have, leastSlots), pinned.BatchSize)
		r.read = slices.Grow(r.read, more)[:have+more]
		n, err := r.slots.BatchLookup(&r.cursor, make([]uint32, more), r.read[have:], nil)
		r.read = r.read[:have+n]
		if err != nil && (n == 0 || !errors.Is(err, ebpf.ErrKeyNotExist)) {
			return sa, fmt.Errorf("read SAs: %w", err)
		}
	}
	return r.read[slot], nil
}

// SAID returns the SAID of an eroute.
func (r *Reader) SAID(v *bpf.ABIErouteValue) (eroute.SAID, error) {
	if abi.ActionOf(v) != eroute.ActionSA {
		return magicSAIDs[v.Action], nil
	}
	return r.SAIDAt(v.Sa)
}

// SAIDAt returns the SAID of a slot.
func (r *Reader) SAIDAt(slot uint32) (eroute.SAID, error) {
	sa, err := r.At(slot)
	if err != nil {
		return eroute.SAID{}, err
	}
	if g := asGroup(&sa); g != nil {
		read, err := r.group(slot, g)
		return read.said, err
	}
	return saidOf(&sa), nil
}

// Aside returns which members of an eroute's group are set aside, see [eroute.Eroute].
func (r *Reader) Aside(v *bpf.ABIErouteValue) (uint64, error) {
	if abi.ActionOf(v) != eroute.ActionSA {
		return 0, nil
	}
	sa, err := r.At(v.Sa)
	if err != nil {
		return 0, err
	}
	g := asGroup(&sa)
	if g == nil {
		return 0, nil
	}
	read, err := r.group(v.Sa, g)
	return read.aside, err
}
