// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"context"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Answer is an SA that a flow is to go through from now on.
type Answer struct {
	Flow eroute.Selector
	SAID eroute.SAID
}

// Answer switches flows from their hold, or from another SA, to an SA, each in place.
// Flows that have gone meanwhile are left out; those switched are returned. When it has
// returned, no packet meets what they were before.
func (t *Table) Answer(ctx context.Context, answers []Answer) (switched []Answer, err error) {
	err = t.change(func(w *writer) error {
		for _, a := range answers {
			if err := ctx.Err(); err != nil {
				return err
			}
			done, err := w.answer(a)
			if err != nil {
				return fmt.Errorf("answer %v with %s: %w", a.Flow, a.SAID, err)
			}
			if done {
				switched = append(switched, a)
			}
		}
		return nil
	})
	return switched, err
}

func (w *writer) answer(a Answer) (bool, error) {
	old, err := w.flow(a.Flow)
	if err != nil || old == nil {
		return false, err
	}
	if now, err := w.slotReader().said(&old.Row); err != nil || now == a.SAID {
		return false, err
	}
	id, err := w.ids.take()
	if err != nil {
		return false, eroute.ErrTableFull
	}
	ref := saidRef{a.SAID, eroute.FamilyOf(a.Flow.Src.Addr())}
	if err := w.counts.reset(id); err != nil {
		return false, err
	}
	slot, err := w.holdSA(ref, w.view)
	if err != nil {
		return false, err
	}
	next := *old
	next.Row = newRowValue(a.Flow, a.SAID, id, slot)
	err = w.maps[flowsName].Update(newFlowKey(a.Flow, w.generation()), next, ebpf.UpdateExist)
	if errors.Is(err, ebpf.ErrKeyNotExist) { // it has ended since
		w.ids.free(id)
		return false, w.releaseSA(ref)
	}
	if err != nil {
		return false, fmt.Errorf("write flow: %w", err)
	}
	w.unusedFlow(a.Flow, old)
	return true, nil
}

// EndFlows ends the flows that end tells, after which their traps are as before.
// Returns those that it ended.
func (t *Table) EndFlows(end func(Flow) bool) (ended []Flow, err error) {
	flows, err := t.Flows()
	if err != nil {
		return nil, err
	}
	for _, f := range flows {
		if end(f) {
			ended = append(ended, f)
		}
	}
	if len(ended) == 0 {
		return nil, nil
	}
	return ended, t.change(func(w *writer) error {
		for _, f := range ended {
			if err := w.endFlow(f.Selector, Freed); err != nil {
				return err
			}
		}
		return nil
	})
}

// endFlow deletes the flow with this selector, if there is one.
func (w *writer) endFlow(s eroute.Selector, how End) error {
	old, err := w.flow(s)
	if err != nil || old == nil {
		return err
	}
	if err := w.deleteFlow(newFlowKey(s, w.generation())); err != nil {
		return err
	}
	w.unusedFlow(s, old)
	w.ended = append(w.ended, Ended{s, how})
	return nil
}

// endLateFlows ends the flows that the first trap ever has made of what was changed,
// while those changes waited to be written.
func (w *writer) endLateFlows(changes *eroute.Changes) error {
	if err := w.rows.flush(); err != nil || w.hadFlows || !w.haveFlows() {
		return err
	}
	for _, c := range changes.All() {
		how := Released
		switch c.Op {
		case eroute.OpClear:
			continue
		case eroute.OpDel:
			how = Freed
		}
		if err := w.endFlow(c.Selector, how); err != nil {
			return err
		}
	}
	return nil
}

// unusedFlow notes what a flow leaves behind; a hold has nothing.
func (w *writer) unusedFlow(s eroute.Selector, f *bpf.ABIFlow) {
	if f.Row.Action != uint8(bpf.ABIErouteActionACT_HOLD) {
		w.unused(s, &f.Row)
	}
}

// endFlowsOfTraps ends the flows of traps that are no more. No packet meets those traps
// any more either, so none makes another flow.
func (w *writer) endFlowsOfTraps() error {
	if len(w.endedTraps) == 0 {
		return nil
	}
	all, err := w.currentFlows()
	if err != nil {
		return err
	}
	for _, f := range all {
		if how, ok := w.endedTraps[f.value.Trap]; ok {
			if err := w.endFlow(flowSelector(&f.key), how); err != nil {
				return err
			}
		}
	}
	clear(w.endedTraps)
	return waitForPackets()
}

// deleteOtherFlows deletes what is left of flows of the generation not in use.
func (t *Table) deleteOtherFlows(current uint32) error {
	all, err := t.flowEntries()
	if err != nil {
		return err
	}
	var errs []error
	for _, f := range all {
		if f.key.Generation != current {
			errs = append(errs, t.deleteFlow(f.key))
		}
	}
	return errors.Join(errs...)
}
