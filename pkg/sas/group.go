// SPDX-License-Identifier: Apache-2.0

package sas

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"time"
	"unsafe"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// A group has a slot like an SA, and an entry whose key is a digest of its members. As long as eroutes of a family name
// it, it holds one reference of that family to each of its SAs.

// block is the number of elements of the members' map that are allocated together.
const block = uint32(bpf.ABILimitsMEMBERS_BLOCK)

// ErrTooManyGroups is returned if there is no room left for the members of another group.
var ErrTooManyGroups = errors.New("too many groups of Security Associations")

// asGroup returns the value of a slot as a group; nil if it is an SA.
func asGroup(sa *bpf.ABISa) *bpf.ABISaGroup {
	switch bpf.ABISaUse(sa.Use) {
	case bpf.ABISaUseSA_GROUP_FLOW, bpf.ABISaUseSA_GROUP_FAILOVER, bpf.ABISaUseSA_GROUP_CPU:
		return (*bpf.ABISaGroup)(unsafe.Pointer(sa))
	}
	return nil
}

// The value of a slot is an SA or a group.
var _ = [1]struct{}{}[unsafe.Sizeof(bpf.ABISa{})-unsafe.Sizeof(bpf.ABISaGroup{})]

// spreadUses are the uses of the slots of groups, by spread.
var spreadUses = [...]bpf.ABISaUse{
	eroute.SpreadFlow: bpf.ABISaUseSA_GROUP_FLOW, eroute.SpreadFailover: bpf.ABISaUseSA_GROUP_FAILOVER,
	eroute.SpreadCPU: bpf.ABISaUseSA_GROUP_CPU,
}

// spreadOf returns the spread of a group.
func spreadOf(g *bpf.ABISaGroup) eroute.Spread {
	return eroute.Spread(slices.Index(spreadUses[:], bpf.ABISaUse(g.Use)))
}

// blocksOf returns the number of blocks for a group, a power of 2. With cells these have about 16 elements for each
// member.
func blocksOf(members int, cells bool) int {
	if !cells {
		return (members + int(block) - 1) / int(block)
	}
	return 1 << max(0, bits.Len(uint(members-1))-1)
}

// groupRead is a group as it was read.
type groupRead struct {
	said  eroute.SAID
	aside uint64 // bit n: member n is set aside
}

// group returns the group of a slot.
func (r *Reader) group(slot uint32, g *bpf.ABISaGroup) (read groupRead, err error) {
	if read, known := r.groups[slot]; known {
		return read, nil
	}
	slots, err := r.memberSlots(g)
	if err != nil {
		return read, err
	}
	members := make([]eroute.SAID, len(slots), len(slots)+1)
	for i, slot := range slots {
		sa, err := r.At(slot)
		if err != nil {
			return read, err
		}
		members[i] = saidOf(&sa)
		if sa.Aside != 0 {
			read.aside |= 1 << i
		}
	}
	if g.Trap != 0 {
		members = append(members, eroute.Trap)
	}
	if read.said, err = eroute.NewGroup(spreadOf(g), members...); err != nil {
		return read, fmt.Errorf("read group of SAs: %w", err)
	}
	if read.said, err = read.said.WithReturnAfter(time.Duration(g.ReturnAfter) * time.Second); err != nil {
		return read, fmt.Errorf("read group of SAs: %w", err)
	}
	r.groups[slot] = read
	return read, nil
}

// memberSlots reads the slots of a group's members.
func (set *Set) memberSlots(g *bpf.ABISaGroup) ([]uint32, error) {
	slots := make([]uint32, g.Members)
	for i := range slots {
		if err := set.members.Lookup(g.First+uint32(i), &slots[i]); err != nil {
			return nil, fmt.Errorf("read group of SAs: %w", err)
		}
	}
	return slots, nil
}

// holdGroup is Hold for a group.
func (set *Set) holdGroup(ref Ref, view *View) (uint32, error) {
	key := abi.NewSAIDKey(ref.SAID)
	v, found, err := set.entry(key)
	if err != nil {
		return 0, err
	}
	refs := v.Refs(ref.Family)
	first := *refs == 0
	if first {
		if err := set.noteCPUMembers(ref.SAID, view); err != nil {
			return 0, err
		}
		slots, err := set.holdMembers(ref, view)
		if err == nil && !found {
			if v.Slot, err = set.makeGroup(ref.SAID, slots); err != nil {
				err = errors.Join(err, set.releaseMembers(ref))
			}
		}
		if err != nil {
			return 0, err
		}
	}
	*refs++
	if err = set.putEntry(key, v); err == nil {
		return v.Slot, nil
	}
	if !found {
		err = errors.Join(err, set.freeGroup(v.Slot))
	}
	if first {
		err = errors.Join(err, set.releaseMembers(ref))
	}
	return 0, err
}

// holdMembers takes the group's references to its SAs, and returns their slots.
func (set *Set) holdMembers(ref Ref, view *View) (map[eroute.SAID]uint32, error) {
	slots := make(map[eroute.SAID]uint32)
	for _, sa := range ref.SAID.SAs() {
		slot, err := set.Hold(Ref{sa, ref.Family}, view)
		if err != nil {
			for held := range slots {
				err = errors.Join(err, set.Release(Ref{held, ref.Family}))
			}
			return nil, err
		}
		slots[sa] = slot
	}
	return slots, nil
}

// releaseMembers releases the group's references to its SAs.
func (set *Set) releaseMembers(ref Ref) (err error) {
	for _, sa := range ref.SAID.SAs() {
		err = errors.Join(err, set.Release(Ref{sa, ref.Family}))
	}
	return err
}

// makeGroup writes a group whose SAs have the given slots, and returns its own slot.
func (set *Set) makeGroup(said eroute.SAID, slots map[eroute.SAID]uint32) (slot uint32, err error) {
	members := said.Members()
	flow := said.Spread() == eroute.SpreadFlow
	blocks := blocksOf(len(members), flow)
	at, err := set.blocks.TakeRun(blocks)
	if err != nil {
		return 0, ErrTooManyGroups
	}
	if slot, err = set.used.Take(); err != nil {
		set.blocks.FreeRun(at, blocks)
		return 0, ErrTooMany
	}
	g := bpf.ABISaGroup{
		Use: uint8(spreadUses[said.Spread()]), First: at * block, Members: uint32(len(members)),
		ReturnAfter: uint32(said.ReturnAfter() / time.Second),
	}
	if said.Traps() {
		g.Trap = 1
	}
	elements := make([]uint32, 0, blocks*int(block))
	for _, m := range members {
		elements = append(elements, slots[m])
	}
	if flow {
		cells := fillCells(members, blocks*int(block)-len(members))
		g.Cells = uint32(len(cells))
		for _, member := range cells {
			elements = append(elements, elements[member])
		}
	}
	keys := make([]uint32, len(elements))
	for i := range keys {
		keys[i] = g.First + uint32(i)
	}
	if _, err = set.members.BatchUpdate(keys, elements, &ebpf.BatchOptions{}); err != nil {
		err = fmt.Errorf("write group of SAs: %w", err)
	} else {
		err = set.write(slot, *(*bpf.ABISa)(unsafe.Pointer(&g)))
	}
	if err != nil {
		set.blocks.FreeRun(at, blocks)
		set.used.Free(slot)
	}
	return slot, err
}

// releaseGroup is Release for a group.
func (set *Set) releaseGroup(ref Ref) error {
	key := abi.NewSAIDKey(ref.SAID)
	v, found, err := set.entry(key)
	if err != nil || !found {
		return err
	}
	refs := v.Refs(ref.Family)
	if *refs == 0 {
		return nil
	}
	*refs--
	if Families(v) != 0 {
		err = set.putEntry(key, v)
	} else {
		err = set.removeGroup(key)
	}
	if err != nil || *refs != 0 {
		return err
	}
	return set.releaseMembers(ref)
}

// removeGroup frees the slot and the members of a group that no eroute names, but not its references to SAs. Idempotent.
func (set *Set) removeGroup(key abi.SAIDKey) error {
	v, found, err := set.entry(key)
	if err != nil || !found {
		return err
	}
	if err := set.entries.Delete(key); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return fmt.Errorf("delete group of SAs: %w", err)
	}
	return set.freeGroup(v.Slot)
}

// freeGroup frees the slot of a group, and its members.
func (set *Set) freeGroup(slot uint32) error {
	sa, err := set.Read(slot)
	if err != nil {
		return err
	}
	if err := set.write(slot, bpf.ABISa{}); err != nil {
		return err
	}
	if g := asGroup(&sa); g != nil {
		set.blocks.FreeRun(g.First/block, blocksOf(int(g.Members), g.Cells != 0))
	}
	set.used.Free(slot)
	return nil
}

// heldGroup is Held for a group.
func (set *Set) heldGroup(ref Ref, view *View) (slot uint32, held bool, err error) {
	v, found, err := set.entry(abi.NewSAIDKey(ref.SAID))
	if err != nil || !found || *v.Refs(ref.Family) == 0 {
		return 0, false, err
	}
	for _, sa := range ref.SAID.SAs() {
		if _, held, err := set.Held(Ref{sa, ref.Family}, view); err != nil || !held {
			return 0, false, err
		}
	}
	return v.Slot, true, nil
}

// addMembers adds the references of groups to the counts of their SAs.
func (set *Set) addMembers(all map[abi.SAIDKey]abi.SAIDValue) error {
	slots := set.Reader()
	for key, v := range all {
		if !key.IsGroup() || Families(v) == 0 {
			continue
		}
		said, err := slots.SAIDAt(v.Slot)
		if err != nil {
			return err
		}
		for _, sa := range said.SAs() {
			member := all[abi.NewSAIDKey(sa)]
			member.Refs4 += min(v.Refs4, 1)
			member.Refs6 += min(v.Refs6, 1)
			all[abi.NewSAIDKey(sa)] = member
		}
	}
	return nil
}
