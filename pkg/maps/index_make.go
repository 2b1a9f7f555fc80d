// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

const indexName = "eroute_index"

// Filter cells that an index has at the least and at the most, for sources and for
// destinations each.
const minCells, maxCells = 64, 65536

// makeIndex makes an empty index with room for as many kinds and eroutes. It is not installed yet.
func makeIndex(family eroute.Family, secret *abi.Secrets, kinds, slots int) (sheets, *index, error) {
	head, lines := indexLayout(family, kinds, slots)
	s, err := makeSheets(lines)
	if err != nil {
		return nil, nil, err
	}
	if err := s[0].Put(uint32(0), unsafe.Slice((*byte)(unsafe.Pointer(&head)), lineSize)); err != nil {
		pinned.CloseMaps(s)
		return nil, nil, fmt.Errorf("write index: %w", err)
	}
	x, err := openIndex(s, family, secret)
	if err != nil {
		pinned.CloseMaps(s)
		return nil, nil, err
	}
	return s, x, nil
}

// indexLayout returns the first line of an index, and how many lines it has.
func indexLayout(family eroute.Family, kinds, slots int) (head bpf.ABIIndex, lines uint32) {
	lines = 1
	take := func(bytes uint32) (at uint32) {
		at = lines
		lines += (bytes + uint32(lineSize) - 1) / uint32(lineSize)
		return at
	}
	cells := 1 << bits.Len(uint(slots))
	head.Cells = uint32(min(max(cells, minCells), maxCells))
	take(2 * head.Cells * 8)
	head.SummaryLines = uint32(kinds/kindLoad + 1)
	head.SummariesAt = take(head.SummaryLines * uint32(lineSize))
	head.SlotGroups = uint32(slots*groupOf/(groupFull*groupSlots) + groupReach)
	head.SlotGroupsAt = take(head.SlotGroups * 8)
	head.SlotsAt = take(head.SlotGroups * uint32(groupSlots*slotSize(family)))
	return head, lines
}
