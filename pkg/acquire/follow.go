// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"context"
	"errors"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// answers returns what key managers have installed. It reads XFRM once for all flows
// that ask until XFRM changes: a dump for each would hold a storm up.
func (r *relay) answers() (answers, error) {
	if r.xfrm == nil {
		return answers{}, nil
	}
	if r.known != nil {
		return *r.known, nil
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
	r.known = &a
	return a, nil
}

// follow brings flows in line with the SAs that there are now: a hold gets the SA it
// waits for, a flow whose SA has a successor moves to it, one whose SA has gone without
// a successor ends. All SAs are reconciled after that.
func (r *relay) follow(ctx context.Context) error {
	if r.xfrm == nil {
		return nil
	}
	return r.write(func(t *maps.Table) error {
		r.known = nil
		a, err := r.answers()
		if err != nil {
			return err
		}
		flows, err := t.Flows()
		if err != nil {
			return err
		}
		var next []maps.Answer
		orphans := make(map[eroute.Selector]bool)
		for _, f := range flows {
			ask, err := t.Ask(f.Trap)
			if err != nil {
				return err
			}
			said, ok := a.find(f.Selector, ask)
			switch {
			case ok && said != f.SAID:
				next = append(next, maps.Answer{Flow: f.Selector, SAID: said})
			case !ok && f.SAID != eroute.Hold:
				orphans[f.Selector] = true
			}
		}
		return errors.Join(r.answer(ctx, t, next), r.orphan(t, orphans), t.Sync(ctx))
	})
}

// orphan ends flows that have no SA any more. What was kept of them meets the trap.
func (r *relay) orphan(t *maps.Table, orphans map[eroute.Selector]bool) error {
	if len(orphans) == 0 {
		return nil
	}
	ended, err := t.EndFlows(func(f maps.Flow) bool { return orphans[f.Selector] && f.SAID != eroute.Hold })
	for _, f := range ended {
		r.report(Event{Kind: KindReap, Flow: f.Selector, Eroute: f.Selector, SAID: f.SAID, Device: f.Device, Detail: "no SA any more"})
		if r.store.holds[f.Selector] != nil {
			r.release(f.Selector, eroute.Eroute{}, "no SA any more")
		}
	}
	return err
}

// answer switches flows to their SAs and sends what they held on.
func (r *relay) answer(ctx context.Context, t *maps.Table, next []maps.Answer) error {
	if len(next) == 0 {
		return nil
	}
	switched, err := t.Answer(ctx, next)
	for _, a := range switched {
		r.release(a.Flow, eroute.Eroute{Selector: a.Flow, SAID: a.SAID}, "answered")
	}
	return err
}

// reap ends holds and gives their packets up; the traps are then as before.
func (r *relay) reap(t *maps.Table, which func(maps.Flow) bool) error {
	ended, err := t.EndFlows(which)
	for _, f := range ended {
		r.report(Event{
			Kind: KindReap, Flow: f.Selector, Eroute: f.Selector, SAID: f.SAID, Device: f.Device,
			Packets: len(r.store.take(f.Selector)), Detail: "no traffic and no answer",
		})
		delete(r.asked, f.Selector)
	}
	return err
}

// tick reaps holds that nobody uses and nobody answers, asks again for those in use,
// and looks after packets whose holds have ended without anybody telling.
func (r *relay) tick(ctx context.Context) error {
	var flows []maps.Flow
	if len(r.asked) == 0 && len(r.store.holds) == 0 {
		return nil
	}
	err := r.read(func(t *maps.Table) (err error) {
		flows, err = t.Flows()
		return err
	})
	if err != nil {
		return err
	}
	now, idle := time.Now(), false
	isIdle := func(f maps.Flow) bool {
		return f.SAID == eroute.Hold && now.Sub(f.LastUsed) > r.HoldLifetime
	}
	holds := make(map[eroute.Selector]bool)
	var again []maps.Flow
	for _, f := range flows {
		if f.SAID != eroute.Hold {
			continue
		}
		holds[f.Selector] = true
		if isIdle(f) {
			idle = true
		} else if since, ok := r.asked[f.Selector]; ok && now.Sub(since) > r.HoldLifetime {
			again = append(again, f)
		}
	}
	var errs []error
	if idle {
		errs = append(errs, r.write(func(t *maps.Table) error { return r.reap(t, isIdle) }))
	}
	var questions []question
	for _, f := range again {
		r.asked[f.Selector] = now
		questions = append(questions, question{f.Selector, f.Trap, f.Device, example(f.Selector, r.store.first(f.Selector))})
	}
	errs = append(errs, r.ask(ctx, questions))
	return errors.Join(append(errs, r.sweep(holds, now))...)
}

// sweep looks at packets whose hold is no flow: either a %hold of the table, or it has
// ended. What the table says of their packets now tells what becomes of them.
func (r *relay) sweep(holds map[eroute.Selector]bool, now time.Time) error {
	var lone []eroute.Selector
	for flow, h := range r.store.holds {
		if !holds[flow] && now.Sub(h.since) > patience {
			lone = append(lone, flow)
		}
	}
	for flow := range r.asked {
		if !holds[flow] && now.Sub(r.asked[flow]) > patience && r.store.holds[flow] == nil {
			delete(r.asked, flow)
		}
	}
	if len(lone) == 0 {
		return nil
	}
	return r.read(func(t *maps.Table) error {
		for _, flow := range lone {
			shown, err := eroute.ParsePacket(r.store.holds[flow].packets[0].bytes)
			if err != nil {
				return err
			}
			met, found, err := t.Lookup(shown)
			if err != nil {
				return err
			}
			switch action := met.SAID.Action(); {
			case found && met.Selector == flow && action == eroute.ActionHold:
			case !found || action == eroute.ActionHold || action.IsTrap():
				r.free(flow, "its hold is no more")
			default:
				r.release(flow, met, "")
			}
		}
		return nil
	})
}
