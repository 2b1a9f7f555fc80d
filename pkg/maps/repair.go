// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/tries"
)

// repair corrects a table after a command was killed or failed. The eroutes themselves are always complete, but
// the data derived from them (slots in use, tuples of source prefixes, references to SAs, the counts) may
// include too much.
func (t *Table) repair() error {
	if !t.writing() {
		return nil
	}
	*t.uncounted = false
	t.beginWriting() // the killed command may have been building a standby table while packets used this one
	if err := pinned.WaitForPackets(); err != nil {
		return err
	}
	entries, err := t.gen.Entries()
	if err != nil {
		return err
	}
	if err := errors.Join(t.dropOtherGeneration(t.generation()), t.deleteOtherFlows(t.generation())); err != nil {
		return err
	}
	answered, err := t.repairFlows(entries)
	if err != nil {
		return err
	}
	used := append(slices.Clone(entries), answered...)
	t.ids.Clear()
	for _, e := range used {
		t.ids.Set(e.Value.Id)
	}
	view, err := t.sas.FullView()
	if err != nil {
		return err
	}
	err = errors.Join(
		t.gen.RepairSources(entries, t.uncounted),
		t.sas.Repair(used),
		t.deleteStaleAcquire(entries),
		t.sas.RemoveOrphans(view),
		t.indexesOf(t.generation()).Rebuild(t.gen.Family),
	)
	if err != nil {
		return err
	}
	// An SA that cannot be installed drops its packets; Sync reports it.
	_ = t.sas.Reconcile(view)
	var counts [len(abi.Families)]uint32
	for _, e := range entries {
		counts[abi.FamilyIndex(e.Selector)]++
	}
	t.setCounts(counts)
	t.endWriting()
	return nil
}

// deleteStaleAcquire deletes the acquire parameters of traps that no longer exist.
func (t *Table) deleteStaleAcquire(entries []abi.Entry) error {
	traps, slots := make(map[eroute.Selector]bool), t.sas.Reader()
	for _, e := range entries {
		trap, err := slots.Traps(&e.Value)
		if err != nil {
			return err
		}
		traps[e.Selector] = trap
	}
	return t.acquire.DeleteOthers(func(s eroute.Selector) bool { return traps[s] })
}

// repairFlows ends the flows of deleted traps, and returns those that have an SA.
func (t *Table) repairFlows(entries []abi.Entry) (answered []abi.Entry, err error) {
	traps, slots := make(map[uint32]bool), t.sas.Reader()
	for _, e := range entries {
		if traps[e.Value.Id], err = slots.Traps(&e.Value); err != nil {
			return nil, err
		}
	}
	flows, err := t.currentFlows()
	if err != nil {
		return nil, err
	}
	for _, f := range flows {
		if !traps[f.value.Trap] {
			if err := t.deleteFlow(f.key); err != nil {
				return nil, err
			}
		} else if !isHold(&f.value) {
			answered = append(answered, abi.Entry{Selector: abi.FlowSelector(&f.key), Value: f.value.Entry})
		}
	}
	return answered, nil
}

// dropOtherGeneration frees the remains of the generation that is not in use.
func (t *Table) dropOtherGeneration(current uint32) error {
	return errors.Join(t.indexesOf(1-current).RemoveAll(), tries.Remove(t.dir, t.maps, 1-current))
}
