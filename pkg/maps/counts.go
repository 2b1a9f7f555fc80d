// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"math/bits"
	"sync/atomic"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/counters"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// Version returns a number that every command that changes the table increases. The ids of [Table.EachCount]
// are valid while it stays the same.
func (t *Table) Version() uint64 { return atomic.LoadUint64(&t.meta.Now().Version) }

// EachCount calls f with the id and the counters of every eroute, in ascending order of ids. Holds of traps are
// not included. It makes one system call per 128 eroutes and CPU.
func (t *Table) EachCount(f func(id uint32, packets, bytes uint64)) error {
	ids, err := pinned.OpenShared[uint64](t.maps[idsName], t.options.ReadOnly)
	if err != nil {
		return err
	}
	defer func() { _ = ids.Close() }()
	const words = counters.BlockIDs / 64
	for first := uint32(0); int(first) < len(ids.All); first += words {
		taken := ids.All[first : first+words]
		if noneSet(taken) {
			continue
		}
		block, err := t.counts.ReadBlock(first / words)
		if err != nil {
			return err
		}
		for i, word := range taken {
			for ; word != 0; word &= word - 1 {
				slot := i*64 + bits.TrailingZeros64(word)
				f(first*64+uint32(slot), block[slot].Packets, block[slot].Bytes)
			}
		}
	}
	return nil
}

func noneSet(words []uint64) bool {
	for _, w := range words {
		if w != 0 {
			return false
		}
	}
	return true
}

// Named returns the eroutes with these ids of [Table.EachCount], without their counters. It scans the whole
// table, in batches.
func (t *Table) Named(ids map[uint32]bool) (map[uint32]eroute.Eroute, error) {
	names := make(map[uint32]eroute.Eroute, len(ids))
	slots := t.sas.Reader()
	name := func(e abi.Entry) error {
		if !ids[e.Value.Id] {
			return nil
		}
		said, err := slots.SAID(&e.Value)
		names[e.Value.Id] = eroute.Eroute{Selector: e.Selector, SAID: said}
		return err
	}
	flows, err := t.currentFlows()
	if err != nil {
		return nil, err
	}
	for _, f := range flows {
		if isHold(&f.value) {
			continue
		}
		if err := name(abi.Entry{Selector: abi.FlowSelector(&f.key), Value: f.value.Entry}); err != nil {
			return nil, err
		}
	}
	err = t.gen.EachEntry(func(e abi.Entry) (bool, error) {
		return true, name(e)
	})
	for _, f := range flows {
		if isTrapHold(&f.value) && ids[f.value.Trap] {
			names[f.value.Trap] = eroute.Eroute{Selector: abi.FlowSelector(&f.key), SAID: eroute.Hold}
		}
	}
	return names, err
}

// Holds returns the flows of traps that wait for an SA, with their counters, in no order. Those of %trapsubnet
// count as their traps and are not included.
func (t *Table) Holds() ([]eroute.Eroute, error) {
	flows, err := t.currentFlows()
	if err != nil {
		return nil, err
	}
	var holds []eroute.Eroute
	slots := t.sas.Reader()
	for _, f := range flows {
		if isHold(&f.value) && !isTrapHold(&f.value) {
			listed, err := t.flowEroute(f, slots)
			if err != nil {
				return nil, err
			}
			holds = append(holds, listed)
		}
	}
	return holds, nil
}
