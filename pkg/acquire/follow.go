// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"context"
	"errors"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// noRoomInterval is the time between two messages that the table has no room.
const noRoomInterval = time.Minute

// answers returns what key managers have installed. It reads XFRM once for all requests until XFRM changes: a
// dump for each would slow down a storm of requests.
func (r *relay) answers() (answers, error) {
	if r.xfrm == nil {
		return answers{}, nil
	}
	if r.cachedAnswers != nil {
		return *r.cachedAnswers, nil
	}
	states, err := r.xfrm.States()
	if err != nil {
		return answers{}, err
	}
	policies, err := r.xfrm.OutPolicies()
	if err != nil {
		return answers{}, err
	}
	own, err := ownAddresses()
	if err != nil {
		return answers{}, err
	}
	r.ages.note(states)
	a := newAnswers(states, policies, own, r.ages.seen)
	r.cachedAnswers = &a
	return a, nil
}

// follow updates flows to the SAs that exist now: a hold gets the SA that it waits for, a flow whose SA has a
// successor moves to it, and a flow whose SA was deleted without a successor ends. Then it reconciles all SAs.
func (r *relay) follow(ctx context.Context) error {
	if r.xfrm == nil {
		return nil
	}
	return r.write(func(t *maps.Table) error {
		r.cachedAnswers = nil
		a, err := r.answers()
		if err != nil {
			return err
		}
		flows, err := t.Flows()
		if err != nil {
			return err
		}
		var next []maps.Answer
		var orphans []maps.Flow
		for _, f := range flows {
			params, err := t.AcquireParams(f.Trap)
			if err != nil {
				return err
			}
			completed := a.params(f.Selector, params)
			r.perCPU.note(completed)
			answer, ok := a.find(f.ID(), completed)
			switch {
			case ok && answer.SAID != f.SAID:
				next = append(next, answer)
			case !ok && f.SAID != eroute.Hold:
				orphans = append(orphans, f)
			}
		}
		err = errors.Join(r.answer(ctx, t, next), r.orphan(t, orphans), t.SyncSAs())
		return errors.Join(err, r.followPolicies(ctx, t))
	})
}

// orphan handles flows that have lost their SA. A flow with stored packets becomes a hold that keeps them, and
// its SA is requested again; other flows end, and their traps apply again.
func (r *relay) orphan(t *maps.Table, orphans []maps.Flow) error {
	if len(orphans) == 0 {
		return nil
	}
	err := r.drain()
	var waiting []maps.Flow
	ending := make(map[abi.FlowID]bool)
	for _, f := range orphans {
		r.lost[f.Selector] = time.Now()
		if r.store.holds[f.ID()] != nil {
			waiting = append(waiting, f)
		} else {
			ending[f.ID()] = true
		}
	}
	held, holdErr := t.HoldFlows(waiting)
	for _, f := range held {
		r.report(journal.Event{Kind: journal.KindHold, Flow: f.Selector, Eroute: f.Selector, SAID: eroute.Hold, Device: f.Device, Detail: "its SA was deleted"})
		r.requested[f.ID()] = time.Now()
		r.requests = append(r.requests, request{f.ID(), f.Trap, f.Device, example(f.Selector, r.store.first(f.ID()))})
	}
	ended, endErr := t.EndFlows(func(f maps.Flow) bool { return ending[f.ID()] && f.SAID != eroute.Hold })
	drainErr := r.drain() // packets that arrived until then
	for _, f := range ended {
		r.report(journal.Event{Kind: journal.KindReap, Flow: f.Selector, Eroute: f.Selector, SAID: f.SAID, Device: f.Device, Detail: "its SA was deleted"})
		if r.store.holds[f.ID()] != nil {
			r.release(f.ID(), eroute.Eroute{}, "its SA was deleted")
		}
	}
	return errors.Join(err, holdErr, endErr, drainErr)
}

// answer switches flows to their SAs and sends their stored packets. Packets that arrive before the programs
// use the SA themselves are sent after those.
func (r *relay) answer(ctx context.Context, t *maps.Table, next []maps.Answer) error {
	if len(next) == 0 {
		return nil
	}
	var errs []error
	events := make(map[abi.FlowID]*journal.Event, len(next))
	send := func(some []maps.Answer) {
		for sent := true; sent; {
			errs = append(errs, r.drain())
			sent = false
			for _, a := range some {
				event := events[a.Flow]
				if event == nil {
					event = &journal.Event{Kind: journal.KindRelease, Flow: a.Flow.Selector, Eroute: a.Flow.Selector, SAID: a.SAID, Detail: "answered"}
					events[a.Flow] = event
				}
				before := event.Packets
				r.send(a.Flow, event)
				sent = sent || event.Packets > before
			}
		}
	}
	switched, err := t.Answer(ctx, next, send)
	send(switched) // packets that hit the hold on another CPU just before
	for _, a := range switched {
		r.report(*events[a.Flow])
	}
	if full := (*maps.NoRoomError)(nil); errors.As(err, &full) {
		r.logNoRoom(full)
		err = nil
	}
	return errors.Join(append(errs, err)...)
}

// logNoRoom logs that the table has no room, at most once a minute: each change of XFRM finds it again.
func (r *relay) logNoRoom(err *maps.NoRoomError) {
	if time.Since(r.loggedNoRoom) < noRoomInterval {
		return
	}
	r.loggedNoRoom = time.Now()
	r.log.Warn("answer flows", "error", err)
	r.Counters.failed()
}

// reap ends holds and drops their packets; the traps then apply again.
func (r *relay) reap(t *maps.Table, which func(maps.Flow) bool) error {
	ended, err := t.EndFlows(which)
	drainErr := r.drain()
	for _, f := range ended {
		r.report(journal.Event{
			Kind: journal.KindReap, Flow: f.Selector, Eroute: f.Selector, SAID: f.SAID, Device: f.Device,
			Packets: len(r.store.take(f.ID())), Detail: "no traffic and no answer",
		})
		delete(r.requested, f.ID())
	}
	return errors.Join(err, drainErr)
}

// tick reaps holds without traffic and answer, requests SAs again for holds in use, and handles packets whose
// holds have ended without a message.
func (r *relay) tick() error {
	now := time.Now()
	for flow, since := range r.lost {
		if now.Sub(since) > r.HoldLifetime {
			delete(r.lost, flow)
		}
	}
	if err := errors.Join(r.drain(), r.requestPerCPU(now)); err != nil || len(r.requested) == 0 && len(r.store.holds) == 0 {
		return err
	}
	flows := make(map[abi.FlowID]maps.Flow)
	err := r.read(func(t *maps.Table) error {
		all, err := t.Flows()
		for _, f := range all {
			flows[f.ID()] = f
		}
		return err
	})
	if err != nil {
		return err
	}
	idle := false
	isIdle := func(f maps.Flow) bool {
		return f.SAID == eroute.Hold && now.Sub(f.Last) > r.HoldLifetime
	}
	for id, f := range flows {
		if f.SAID != eroute.Hold {
			continue
		}
		since, requested := r.requested[id]
		if isIdle(f) {
			idle = true
		} else if requested && now.Sub(since) > r.HoldLifetime || !requested && f.Last.Sub(f.LastAcquire) > patience {
			r.requested[id] = now
			r.requests = append(r.requests, request{id, f.Trap, f.Device, example(f.Selector, r.store.first(id))})
		}
	}
	var errs []error
	if idle {
		errs = append(errs, r.write(func(t *maps.Table) error { return r.reap(t, isIdle) }))
	}
	return errors.Join(append(errs, r.sweep(flows, now))...)
}

// sweep handles packets whose hold is no flow: either it is a %hold of the table, or it has ended. A lookup of
// the packets in the table decides whether they stay, are sent or are dropped.
func (r *relay) sweep(flows map[abi.FlowID]maps.Flow, now time.Time) error {
	var lone []abi.FlowID
	var errs []error
	for id, h := range r.store.holds {
		if f, ok := flows[id]; !ok && now.Sub(h.since) > patience {
			lone = append(lone, id)
		} else if ok && f.SAID != eroute.Hold {
			errs = append(errs, r.read(func(t *maps.Table) error { return r.confirm(t, id) }))
		}
	}
	for id, since := range r.requested {
		if f, ok := flows[id]; (!ok || f.SAID != eroute.Hold) && now.Sub(since) > patience && r.store.holds[id] == nil {
			delete(r.requested, id)
		}
	}
	if len(lone) == 0 {
		return errors.Join(errs...)
	}
	return errors.Join(append(errs, r.read(func(t *maps.Table) error {
		for _, flow := range lone {
			shown, err := eroute.ParsePacket(r.store.first(flow))
			if err != nil {
				return err
			}
			met, found, err := t.Lookup(shown)
			if err != nil {
				return err
			}
			switch action := met.SAID.Action(); {
			case found && flow == (abi.FlowID{Selector: met.Selector}) && action == eroute.ActionHold:
			case !found || action == eroute.ActionHold || action.IsTrap():
				r.free(flow, "its hold has ended")
			default:
				r.release(flow, met, "")
			}
		}
		return nil
	}))...)
}
