// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/relaywire"
	"github.com/ipsec-eroute/eroute/pkg/sas"
)

// Answer is an SA, or a group of SAs, to switch a flow to.
type Answer struct {
	Flow  abi.FlowID
	SAID  eroute.SAID
	Other eroute.SAID // an SA to use if the table has no room for the group SAID
}

// NoRoomError says that the table has no room for answers: their flows keep what they have, or use one SA of a group.
type NoRoomError struct {
	Flows int
	First error // of the first of them
}

func (e *NoRoomError) Error() string {
	return fmt.Sprintf("the table has no room for all SAs of %d flows: %v", e.Flows, e.First)
}

func (e *NoRoomError) Unwrap() error { return e.First }

func (e *NoRoomError) add(err error) {
	if e.Flows == 0 {
		e.First = err
	}
	e.Flows++
}

// isFull reports whether an error means that the table has no room.
func isFull(err error) bool {
	return errors.Is(err, sas.ErrTooMany) || errors.Is(err, sas.ErrTooManyGroups) || errors.Is(err, eroute.ErrTableFull)
}

const (
	// answersAtOnce is the number of flows that are switched before their held packets are sent.
	answersAtOnce = 64
	// relayFor is the maximum time for which the relay receives new packets of a flow while it sends the held
	// ones. On a busy machine the relay needs some hundred milliseconds: after this time new packets overtake the
	// held ones. A relay that is killed meanwhile delays the flow by this time.
	relayFor = time.Second
)

// Answer switches flows, each in place, from a hold or another SA to an SA. It returns the flows that it
// switched; flows that have ended meanwhile are left out. When it returns, no packet uses their previous state
// any more. Flows for whose answers the table has no room do not stop the others: the error is a NoRoomError then.
//
// send must send the held packets of flows that have just been switched. Until it returns, later packets of
// those flows also go to the relay. It is called twice for each flow, as packets can arrive at the relay until
// the flow stops sending them there.
func (t *Table) Answer(ctx context.Context, answers []Answer, send func([]Answer)) (switched []Answer, err error) {
	var full NoRoomError
	err = t.change(func(w *writer) error {
		for some := range slices.Chunk(answers, answersAtOnce) {
			done, err := w.answerSome(ctx, some, &full, send)
			switched = append(switched, done...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && full.Flows > 0 {
		err = &full
	}
	return switched, err
}

func (w *writer) answerSome(ctx context.Context, answers []Answer, full *NoRoomError, send func([]Answer)) (switched []Answer, err error) {
	now, err := abi.Monotonic()
	if err != nil {
		return nil, err
	}
	for _, a := range answers {
		if err = ctx.Err(); err != nil {
			break
		}
		done, failed := w.answer(a, now+uint64(relayFor))
		if failed != nil {
			failed = fmt.Errorf("answer %v with %s: %w", a.Flow.Selector, a.SAID, failed)
		}
		if isFull(failed) {
			full.add(failed)
			if a.SAID, failed = a.Other, nil; a.SAID != (eroute.SAID{}) {
				done, failed = w.answer(a, now+uint64(relayFor))
			}
		}
		if isFull(failed) {
			continue
		}
		if err = failed; err != nil {
			break
		}
		if done {
			switched = append(switched, a)
		}
	}
	send(switched)
	for _, a := range switched {
		err = errors.Join(err, w.stopRelaying(a.Flow))
	}
	send(switched)
	return switched, err
}

// stopRelaying lets a flow's packets use its SA at once, instead of the relay.
func (w *writer) stopRelaying(id abi.FlowID) error {
	v, err := w.flow(id.Selector)
	if err != nil || v == nil || v.Serial != id.Serial || v.RelayUntil == 0 {
		return err
	}
	v.RelayUntil = 0
	return w.putFlow(id.Selector, v)
}

// putFlow writes an existing flow with a new seal.
func (w *writer) putFlow(s eroute.Selector, v *bpf.ABIFlow) error {
	key := abi.NewFlowKey(s, w.generation())
	v.Seal = abi.SecretsOf(w.meta.Value).FlowSeal(&key, v)
	if err := w.maps[flowsName].Update(key, v, ebpf.UpdateExist); err != nil {
		return fmt.Errorf("write flow: %w", err)
	}
	return nil
}

// usesRelay reports whether packets that match a flow go to the relay.
func (w *writer) usesRelay(f *bpf.ABIFlow) (bool, error) {
	if isHold(f) {
		return true, nil
	}
	said, err := w.sas.Reader().SAID(&f.Entry)
	if err != nil {
		return false, err
	}
	if said.IsGroup() {
		ready, err := w.sas.IsReady(said)
		return !ready, err
	}
	sa, err := w.sas.Read(f.Entry.Sa)
	return !sas.IsUsable(&sa), err
}

// answer switches a flow to an SA. If the relay receives the flow's packets, it continues to do so until the
// given time.
func (w *writer) answer(a Answer, until uint64) (bool, error) {
	old, err := w.flow(a.Flow.Selector)
	if err != nil || old == nil || old.Serial != a.Flow.Serial {
		return false, err
	}
	if now, err := w.sas.Reader().SAID(&old.Entry); err != nil || now == a.SAID {
		return false, err
	}
	id, err := w.ids.Take()
	if err != nil {
		return false, eroute.ErrTableFull
	}
	ref := sas.Ref{SAID: a.SAID, Family: eroute.FamilyOf(a.Flow.Selector.Src.Addr())}
	if err := w.counts.Reset(id); err != nil {
		return false, err
	}
	slot, err := w.sas.Hold(ref, w.view)
	if isFull(err) {
		w.ids.Free(id)
	}
	if err != nil {
		return false, err
	}
	relayed, err := w.usesRelay(old)
	if err != nil {
		return false, err
	}
	next := *old
	next.Entry = abi.NewValue(eroute.Change{Selector: a.Flow.Selector, SAID: a.SAID}, id, slot)
	if relayed {
		next.RelayUntil = until
	}
	err = w.putFlow(a.Flow.Selector, &next)
	if errors.Is(err, ebpf.ErrKeyNotExist) { // it has ended meanwhile
		w.ids.Free(id)
		return false, w.sas.Release(ref)
	}
	if err != nil {
		return false, err
	}
	w.retireFlow(a.Flow.Selector, old)
	return true, nil
}

// HoldFlows turns flows whose SA has been deleted into holds, each in place. It returns the flows that it
// turned.
func (t *Table) HoldFlows(flows []Flow) (held []Flow, err error) {
	if len(flows) == 0 {
		return nil, nil
	}
	now, err := abi.Monotonic()
	if err != nil {
		return nil, err
	}
	return held, t.change(func(w *writer) error {
		for _, f := range flows {
			old, err := w.flow(f.Selector)
			if err != nil {
				return err
			}
			if old == nil || old.Serial != f.Serial || isHold(old) {
				continue
			}
			next := *old
			next.Entry = bpf.ABIErouteValue{Action: uint8(bpf.ABIErouteActionACT_HOLD), DstPrefixlen: old.Entry.DstPrefixlen}
			none := abi.OwnedWord(next.Serial, 0)
			next.Packets, next.Bytes, next.Last, next.LastAcquire, next.RelayUntil = none, none, abi.OwnedWord(next.Serial, now>>abi.TickShift), now, 0
			if err := w.putFlow(f.Selector, &next); err != nil {
				return err
			}
			w.retireFlow(f.Selector, old)
			held = append(held, f)
		}
		return nil
	})
}

// EndFlows ends the flows for which end returns true; packets then match their traps again. It returns the
// ended flows. The relay, which owns these flows, is not notified.
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
			if err := w.endFlow(f.Selector, relaywire.Freed); err != nil {
				return err
			}
		}
		w.endedHolds = nil
		return nil
	})
}

// endFlow deletes the flow with this selector, if it exists.
func (w *writer) endFlow(s eroute.Selector, how relaywire.HoldEndReason) error {
	old, err := w.flow(s)
	if err != nil || old == nil {
		return err
	}
	if err := w.deleteFlow(abi.NewFlowKey(s, w.generation())); err != nil {
		return err
	}
	w.retireFlow(s, old)
	w.endedHolds = append(w.endedHolds, relaywire.HoldEnded{Flow: abi.FlowID{Selector: s, Serial: old.Serial}, Reason: how})
	return nil
}

// endLateFlows ends flows of changed eroutes that a trap made while the changes were queued, if the table had
// no flows before.
func (w *writer) endLateFlows(changes *eroute.Changes) error {
	if err := w.entries.Flush(); err != nil || w.hadFlows || !w.haveFlows() {
		return err
	}
	for _, c := range changes.All() {
		how := relaywire.Released
		switch c.Op {
		case eroute.OpClear:
			continue
		case eroute.OpDel:
			how = relaywire.Freed
		}
		if err := w.endFlow(c.Selector, how); err != nil {
			return err
		}
	}
	return nil
}

// retireFlow notes the resources that a flow no longer uses. A hold has none.
func (w *writer) retireFlow(s eroute.Selector, f *bpf.ABIFlow) {
	if !isHold(f) {
		w.retireRefs(s, &f.Entry)
	}
}

// endFlowsOfTraps ends the flows of deleted traps. No packet matches those traps any more, so no new flow
// appears.
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
			if err := w.endFlow(abi.FlowSelector(&f.key), how); err != nil {
				return err
			}
		}
	}
	clear(w.endedTraps)
	return pinned.WaitForPackets()
}

// deleteOtherFlows deletes the remaining flows of the generation that is not in use.
func (t *Table) deleteOtherFlows(current uint32) error {
	all, err := t.flowEntries()
	if err != nil {
		return err
	}
	var errs pinned.ErrorList
	for _, f := range all {
		if f.key.Generation != current {
			errs.Add(t.deleteFlow(f.key))
		}
	}
	return errs.Err()
}
