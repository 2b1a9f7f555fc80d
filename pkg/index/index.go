// SPDX-License-Identifier: Apache-2.0

package index

import (
	"net/netip"
	"unsafe"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Index is the index of one family, mapped into memory. Packets do not use it while it is written.
type Index struct {
	lines     []line
	head      *bpf.ABIIndex
	filter    []uint64 // cells for sources, then for destinations
	summaries summaries
	slots     groups
	secret    *abi.Secrets
}

// openIndex maps the chunks of an index into memory. They may be closed afterwards.
func openIndex(s chunks, family eroute.Family, secret *abi.Secrets) (*Index, error) {
	lines, err := s.lines()
	if err != nil {
		return nil, err
	}
	x := &Index{lines: lines, head: (*bpf.ABIIndex)(unsafe.Pointer(&lines[0])), secret: secret}
	h := x.head
	x.filter = words(lines, 1, 2*h.Cells)
	x.summaries = summaries{lines: lines[h.SummariesAt:][:h.SummaryLines], used: &h.Summaries}
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

// Close unmaps the index.
func (x *Index) Close() error { return unmapLines(x.lines) }

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

// insert returns the value of an eroute in the index, and adds the eroute if it is not there. Returns errFull if there
// is no room: then the index has fewer eroutes than the tries.
func (x *Index) insert(s eroute.Selector) (*bpf.ABIIndexEntry, error) {
	var key keyBytes
	of := summaryHashesOf(x.secret, s)
	bits := LenBit(s.Dst) | 1<<(tuplesAt+int(abi.TupleOf(s)))
	if err := x.summaries.add(of.source, bits|x.blockBits(s.Dst)); err != nil {
		return nil, err
	}
	if of.near {
		if err := x.summaries.add(of.block, bits); err != nil {
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

func (x *Index) value(slot []byte) *bpf.ABIIndexEntry {
	return (*bpf.ABIIndexEntry)(unsafe.Pointer(&slot[x.slots.key]))
}

// blockBits returns the bits in the summary of a source for the blocks of a destination.
func (x *Index) blockBits(dst netip.Prefix) uint64 {
	if IsWide(dst) {
		return 0xffff << blocksAt
	}
	largest, _, _ := Blocks(dst.Addr())
	return 1 << (blocksAt + int(x.secret.Spread(x.secret.BlockSum(dst.Addr(), largest))>>60))
}

// admit adds a prefix to the filter.
func (x *Index) admit(wide *uint64, firstCell int, p netip.Prefix) {
	if IsWide(p) {
		*wide |= LenBit(p)
		return
	}
	largest, _, _ := Blocks(p.Addr())
	x.filter[firstCell+below(x.secret.Spread(x.secret.BlockSum(p.Addr(), largest)), int(x.head.Cells))] |= LenBit(p)
}

func (x *Index) slotHash(s eroute.Selector) uint64 {
	return x.secret.Spread(x.secret.SourceSum(s.Src) + x.secret.SlotSum(s))
}

// Drop deletes an eroute. Its bits in summaries and filter stay: they cost additional probes.
func (x *Index) Drop(s eroute.Selector) {
	var key keyBytes
	if x.slots.drop(x.slotHash(s), key.row(s)) {
		x.head.Stale++
	}
}

// Lookup returns the value of the eroute with exactly this selector, nil if there is none.
func (x *Index) Lookup(s eroute.Selector) *bpf.ABIIndexEntry {
	var key keyBytes
	group, slot, _, found := x.slots.find(x.slotHash(s), key.row(s))
	if !found {
		return nil
	}
	return x.value(x.slots.entry(group, slot))
}

// Len returns the number of eroutes in the index.
func (x *Index) Len() int { return int(x.head.Slots) }

// All yields the eroutes in the index.
func (x *Index) All(yield func(eroute.Selector, *bpf.ABIIndexEntry) bool) {
	for slot := range x.slots.each {
		var s eroute.Selector
		if x.slots.key == int(unsafe.Sizeof(bpf.ABIErouteKey4{})) {
			s = abi.Selector4((*bpf.ABIErouteKey4)(unsafe.Pointer(&slot[0])))
		} else {
			s = abi.Selector6((*bpf.ABIErouteKey6)(unsafe.Pointer(&slot[0])))
		}
		if !yield(s, x.value(slot)) {
			return
		}
	}
}

// ValueOf returns the value in the index of an eroute with a value in the trie.
func ValueOf(v *bpf.ABIErouteValue) bpf.ABIIndexEntry {
	return bpf.ABIIndexEntry{Id: v.Id, Sa: v.Sa, Action: v.Action}
}

// keyBytes holds the key of an entry in its memory representation.
type keyBytes struct {
	_     [0]uint64
	bytes [unsafe.Sizeof(bpf.ABIErouteKey6{})]byte
}

func (k *keyBytes) row(s eroute.Selector) []byte {
	if s.Src.Addr().Is4() {
		*(*bpf.ABIErouteKey4)(unsafe.Pointer(k)) = abi.EntryKey4(s)
		return k.bytes[:unsafe.Sizeof(bpf.ABIErouteKey4{})]
	}
	*(*bpf.ABIErouteKey6)(unsafe.Pointer(k)) = abi.EntryKey6(s)
	return k.bytes[:]
}
