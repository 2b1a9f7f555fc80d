// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/index"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/relaywire"
	"github.com/ipsec-eroute/eroute/pkg/sas"
	"github.com/ipsec-eroute/eroute/pkg/tries"
)

// writer makes changes one by one. It keeps the counter slots and SAs that they no longer use until no packet
// can use them.
type writer struct {
	*Table
	entries    *tries.EntryWriter
	hadFlows   bool // when the changes began
	sources    *tries.Sources
	indexes    *index.Set
	view       *sas.View
	retiredIDs []uint32
	retiredSAs []sas.SlotRef
	endedTraps map[uint32]relaywire.HoldEndReason // by id: the reason that their flows end
	trapSlots  map[uint32]bool                    // slots of retired or replaced eroutes: whether packets make flows
	endedHolds []relaywire.HoldEnded              // notifications for the relay
	changes    *eroute.Changes                    // events for monitors
	made       int                                // number of changes made
}

// apply makes a change, or queues it until entries.Flush.
func (w *writer) apply(c eroute.Change, is prior) error {
	if is == priorChanged {
		if err := w.entries.Flush(); err != nil {
			return err
		}
	}
	switch c.Op {
	case eroute.OpClear:
		return w.clear()
	case eroute.OpDel:
		return w.del(c.Selector)
	}
	return w.put(c, is)
}

// put adds an eroute or replaces it in place. Everything that the new entry refers to is written before it. On
// error, repair reclaims what was allocated.
func (w *writer) put(c eroute.Change, is prior) (err error) {
	s, said := c.Selector, c.SAID
	var old *bpf.ABIErouteValue
	exists := false
	if is != priorAbsent {
		if old, exists, err = w.gen.Entry(s); err != nil {
			return err
		}
	}
	id, err := w.ids.Take()
	if err != nil {
		return eroute.ErrTableFull
	}
	if err := w.counts.Reset(id); err != nil {
		return err
	}
	slot, err := w.sas.Hold(sas.Ref{SAID: said, Family: eroute.FamilyOf(s.Src.Addr())}, w.view)
	if err != nil {
		return err
	}
	if !exists {
		if err := w.sources.Add(s); err != nil {
			return err
		}
	}
	trapped := false
	if exists {
		if trapped, err = w.traps(old); err != nil {
			return err
		}
	}
	if said.Traps() || trapped {
		if err := w.acquire.Put(s, c.Acquire); err != nil {
			return err
		}
	}
	value := abi.NewValue(c, id, slot)
	if err := w.entries.Put(s, value); err != nil {
		return err
	}
	w.indexes.Put(s, value)
	// A flow ends after its entry is written; otherwise packets would match the trap again.
	if w.hadFlows {
		if err := w.entries.Flush(); err != nil {
			return err
		}
	}
	if exists {
		w.retire(s, old, trapped, relaywire.Released)
	} else {
		w.addCount(abi.FamilyIndex(s), 1)
	}
	return w.endFlow(s, relaywire.Released)
}

func (w *writer) del(s eroute.Selector) error {
	old, exists, err := w.gen.Entry(s)
	if err != nil {
		return err
	}
	if !exists {
		return w.endFlow(s, relaywire.Freed)
	}
	trapped, err := w.traps(old)
	if err != nil {
		return err
	}
	// Write earlier additions before the deletion, so that no packet misses both.
	if err := w.entries.Flush(); err != nil {
		return err
	}
	if err := w.gen.DeleteEntry(s); err != nil {
		return err
	}
	w.indexes.Drop(s)
	w.retire(s, old, trapped, relaywire.Freed)
	w.addCount(abi.FamilyIndex(s), -1)
	if trapped {
		err = w.acquire.Delete(s)
	}
	return errors.Join(err, w.sources.Drop(s), w.endFlow(s, relaywire.Freed))
}

// clear switches atomically to an empty generation.
func (w *writer) clear() error {
	if err := errors.Join(w.entries.Flush(), w.waitAndFree()); err != nil {
		return err
	}
	next := 1 - w.generation()
	if err := tries.Create(w.dir.Path(), w.maps, next); err != nil {
		return err
	}
	g, err := tries.Open(w.dir, w.maps, next, w.options)
	if err != nil {
		return err
	}
	w.setGeneration(next)
	w.setCounts([len(abi.Families)]uint32{})
	old, oldIndexes := w.gen, w.indexes
	w.gen, w.entries, w.sources, w.indexes = g, tries.NewEntryWriter(g), tries.NewSources(g, w.uncounted), w.indexesOf(next)
	if err := pinned.WaitForPackets(); err != nil {
		return err
	}
	if err := tries.Remove(w.dir, w.maps, 1-next); err != nil {
		return err
	}
	w.ids.Clear()
	w.endedHolds = append(w.endedHolds, relaywire.HoldEnded{Reason: relaywire.Cleared})
	if err := errors.Join(old.Close(), oldIndexes.Close(), oldIndexes.RemoveAll(), w.sas.ReleaseAll(), w.deleteOtherFlows(next), w.deleteStaleAcquire(nil)); err != nil {
		return err
	}
	w.view, err = w.sas.NewView()
	return err
}

// retire notes that an eroute of the table was replaced or deleted. trapped: its packets made flows.
func (w *writer) retire(s eroute.Selector, v *bpf.ABIErouteValue, trapped bool, how relaywire.HoldEndReason) {
	w.retireRefs(s, v)
	switch {
	case trapped:
		w.endedTraps[v.Id] = how
	case abi.ActionOf(v) == eroute.ActionHold:
		w.endedHolds = append(w.endedHolds, relaywire.HoldEnded{Flow: abi.FlowID{Selector: s}, Reason: how})
	}
}

// retireRefs notes the id and the SA of a replaced or deleted entry.
func (w *writer) retireRefs(s eroute.Selector, v *bpf.ABIErouteValue) {
	w.retiredIDs = append(w.retiredIDs, v.Id)
	if abi.ActionOf(v) == eroute.ActionSA {
		w.retiredSAs = append(w.retiredSAs, sas.SlotRef{Slot: v.Sa, Family: eroute.FamilyOf(s.Src.Addr())})
	}
}

// waitAndFree waits until no packet uses what the changes so far have retired, and frees it.
func (w *writer) waitAndFree() error {
	if err := pinned.WaitForPackets(); err != nil {
		return err
	}
	if err := w.endFlowsOfTraps(); err != nil {
		return err
	}
	for _, id := range w.retiredIDs {
		w.ids.Free(id)
	}
	err := errors.Join(w.sas.ReleaseSlots(w.retiredSAs), w.sas.BindClaimed(w.view))
	w.retiredIDs, w.retiredSAs = nil, nil
	clear(w.trapSlots)
	return err
}
