// SPDX-License-Identifier: Apache-2.0

package maps

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

// sasName is the map of the SAs that eroutes name, by slot.
const sasName = "eroute_sas"

// newSA returns the value of the slot of an SA that packets cannot use yet.
func newSA(slot uint32, said eroute.SAID) bpf.ABISa {
	return bpf.ABISa{
		Spi: said.SPI, Proto: said.Proto, Family: uint8(eroute.FamilyOf(said.Dst)), Edst: abi.AddrBytes(said.Dst),
		Use: uint8(bpf.ABISaUseSA_ABSENT), IfId: ifID(slot),
	}
}

// writeSA writes a slot.
func (t *Table) writeSA(slot uint32, sa bpf.ABISa) error {
	if err := t.maps[sasName].Put(slot, sa); err != nil {
		return fmt.Errorf("write SA: %w", err)
	}
	return nil
}

// readSA reads a slot.
func (t *Table) readSA(slot uint32) (sa bpf.ABISa, err error) {
	if err := t.maps[sasName].Lookup(slot, &sa); err != nil {
		return sa, fmt.Errorf("read SA: %w", err)
	}
	return sa, nil
}

func isUsable(sa *bpf.ABISa) bool { return sa.Use != uint8(bpf.ABISaUseSA_ABSENT) }

func slotSAID(sa *bpf.ABISa) eroute.SAID {
	return eroute.SAID{Proto: sa.Proto, SPI: sa.Spi, Dst: abi.BytesAddr(eroute.Family(sa.Family), sa.Edst)}
}

var magicSAIDs = [...]eroute.SAID{
	eroute.ActionPass: eroute.Pass, eroute.ActionDrop: eroute.Drop, eroute.ActionReject: eroute.Reject,
	eroute.ActionHold: eroute.Hold, eroute.ActionTrap: eroute.Trap, eroute.ActionTrapSubnet: eroute.TrapSubnet,
}

// fewSlots is the number of slots that are read one at a time before batches are used. The first batch has
// leastSlots, each later one as many as are already read. A single read costs about as much as slotsForOne
// slots in a batch.
const (
	fewSlots    = 8
	slotsForOne = 16
	leastSlots  = 64
)

// slotReader reads SA slots and caches them. It is for one pass over the table.
type slotReader struct {
	*Table
	alone  int
	cursor ebpf.MapBatchCursor
	read   []bpf.ABISa // the first slots
}

func (t *Table) slotReader() *slotReader { return &slotReader{Table: t} }

// at returns the value of a slot. Slots are allocated from the lowest, so those before it are mostly in use:
// after a few single reads, at reads all of them in batches.
func (r *slotReader) at(slot uint32) (sa bpf.ABISa, err error) {
	if int(slot) >= len(r.read) && r.alone < max(fewSlots, int(slot)/slotsForOne) {
		r.alone++
		return r.readSA(slot)
	}
	for have := len(r.read); int(slot) >= have; have = len(r.read) {
		more := min(max(have, leastSlots), pinned.BatchSize)
		r.read = slices.Grow(r.read, more)[:have+more]
		n, err := r.maps[sasName].BatchLookup(&r.cursor, make([]uint32, more), r.read[have:], nil)
		r.read = r.read[:have+n]
		if err != nil && (n == 0 || !errors.Is(err, ebpf.ErrKeyNotExist)) {
			return sa, fmt.Errorf("read SAs: %w", err)
		}
	}
	return r.read[slot], nil
}

// said returns the SAID of an eroute.
func (r *slotReader) said(v *bpf.ABIErouteValue) (eroute.SAID, error) {
	if abi.ActionOf(v) != eroute.ActionSA {
		return magicSAIDs[v.Action], nil
	}
	sa, err := r.at(v.Sa)
	return slotSAID(&sa), err
}
