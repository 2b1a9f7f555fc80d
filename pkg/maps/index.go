// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"net/netip"
	"unsafe"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// index answers for the tries of one family: see bpf/index.h. It is written in memory, and
// packets do not use it while the table is written.
type index struct {
	lines  []line
	head   *bpf.ABIIndex
	filter []uint64 // cells for sources, then for destinations
	kinds  kinds
	slots  groups
	secret *abi.Secrets
}

// openIndex maps an index into memory to be written. The sheets can be closed after.
func openIndex(s sheets, family eroute.Family, secret *abi.Secrets) (*index, error) {
	lines, err := s.lines()
	if err != nil {
		return nil, err
	}
	x := &index{lines: lines, head: (*bpf.ABIIndex)(unsafe.Pointer(&lines[0])), secret: secret}
	h := x.head
	x.filter = words(lines, 1, 2*h.Cells)
	x.kinds = kinds{lines: lines[h.SummariesAt:][:h.SummaryLines], used: &h.Summaries}
	x.slots = groups{
		words: words(lines, h.SlotGroupsAt, h.SlotGroups), used: &h.Slots,
		size: slotSize(family), key: int(unsafe.Sizeof(bpf.ABIErouteKey6{})),
	}
	if family == eroute.Inet {
		x.slots.key = int(unsafe.Sizeof(bpf.ABIErouteKey4{}))
	}
	x.slots.entries = entries(lines, h.SlotsAt, h.SlotGroups, x.slots.size)
	return x, nil
}

func (x *index) Close() error { return unmapLines(x.lines) }

func words(lines []line, at, n uint32) []uint64 {
	return unsafe.Slice(&lines[at][0], n)
}

func entries(lines []line, at, groups uint32, size int) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(&lines[at])), int(groups)*groupSlots*size)
}

func slotSize(f eroute.Family) int {
	if f == eroute.Inet {
		return int(unsafe.Sizeof(bpf.ABIIndexSlot4{}))
	}
	return int(unsafe.Sizeof(bpf.ABIIndexSlot6{}))
}

// place returns where the index keeps what packets need of an eroute, made if there is
// none. Returns errIndexFull if there is no room; then the index says less than the tries.
func (x *index) place(s eroute.Selector) (*bpf.ABIIndexEntry, error) {
	var key keyBytes
	of := kindsOf(x.secret, s)
	kind := lenBit(s.Dst) | 1<<(shapesAt+int(abi.TupleOf(s)))
	if err := x.kinds.add(of.source, kind|x.blockBits(s.Dst)); err != nil {
		return nil, err
	}
	if of.near {
		if err := x.kinds.add(of.block, kind); err != nil {
			return nil, err
		}
	}
	x.admit(&x.head.WideSrc, 0, s.Src)
	x.admit(&x.head.WideDst, int(x.head.Cells), s.Dst)
	slot, err := x.slots.put(x.secret.Spread(of.sum+x.secret.SlotSum(s)), key.row(s))
	if err != nil {
		return nil, err
	}
	return x.value(slot), nil
}

func (x *index) value(slot []byte) *bpf.ABIIndexEntry {
	return (*bpf.ABIIndexEntry)(unsafe.Pointer(&slot[x.slots.key]))
}

// blockBits are a source's bits for the blocks with a destination.
func (x *index) blockBits(dst netip.Prefix) uint64 {
	if isWide(dst) {
		return 0xffff << blocksAt
	}
	largest, _, _ := blocks(dst.Addr())
	return 1 << (blocksAt + int(x.secret.Spread(x.secret.BlockSum(dst.Addr(), largest))>>60))
}

// admit notes in the filter that there is a prefix.
func (x *index) admit(wide *uint64, firstCell int, p netip.Prefix) {
	if isWide(p) {
		*wide |= lenBit(p)
		return
	}
	largest, _, _ := blocks(p.Addr())
	x.filter[firstCell+below(x.secret.Spread(x.secret.BlockSum(p.Addr(), largest)), int(x.head.Cells))] |= lenBit(p)
}

func (x *index) slotHash(s eroute.Selector) uint64 {
	return x.secret.Spread(x.secret.SourceSum(s.Src) + x.secret.SlotSum(s))
}

// drop deletes an eroute. Its kinds stay, which costs a little time and nothing else.
func (x *index) drop(s eroute.Selector) {
	var key keyBytes
	if x.slots.drop(x.slotHash(s), key.row(s)) {
		x.head.Stale++
	}
}

// row returns what the index has of an eroute, nil if nothing.
func (x *index) row(s eroute.Selector) *bpf.ABIIndexEntry {
	var key keyBytes
	group, slot, _, found := x.slots.find(x.slotHash(s), key.row(s))
	if !found {
		return nil
	}
	return x.value(x.slots.entry(group, slot))
}

// count is how many eroutes are in the index.
func (x *index) count() int { return int(x.head.Slots) }

// each yields the eroutes in the index until it is told to stop.
func (x *index) each(yield func(eroute.Selector, *bpf.ABIIndexEntry) bool) {
	for slot := range x.slots.each {
		var s eroute.Selector
		if x.slots.key == int(unsafe.Sizeof(bpf.ABIRowKey4{})) {
			s = abi.Selector4((*bpf.ABIRowKey4)(unsafe.Pointer(&slot[0])))
		} else {
			s = abi.Selector6((*bpf.ABIRowKey6)(unsafe.Pointer(&slot[0])))
		}
		if !yield(s, x.value(slot)) {
			return
		}
	}
}

func indexRow(v *bpf.ABIErouteValue) bpf.ABIIndexEntry {
	return bpf.ABIIndexEntry{Id: v.Id, Sa: v.Sa, Action: v.Action}
}

// keyBytes holds the key of an entry, as it is in memory.
type keyBytes struct {
	_     [0]uint64
	bytes [unsafe.Sizeof(bpf.ABIErouteKey6{})]byte
}

func (k *keyBytes) row(s eroute.Selector) []byte {
	if s.Src.Addr().Is4() {
		*(*bpf.ABIRowKey4)(unsafe.Pointer(k)) = abi.EntryKey4(s)
		return k.bytes[:unsafe.Sizeof(bpf.ABIRowKey4{})]
	}
	*(*bpf.ABIRowKey6)(unsafe.Pointer(k)) = abi.EntryKey6(s)
	return k.bytes[:]
}
