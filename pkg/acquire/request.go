// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/ifname"
	"github.com/ipsec-eroute/eroute/pkg/journal"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/relaywire"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// request is a flow that needs an SA.
type request struct {
	flow   abi.FlowID
	trap   eroute.Selector
	device int
	packet eroute.Packet // a packet of the flow
}

// drain handles all pending events, and so all packets that have hit a trap or hold until now.
func (r *relay) drain() error {
	events, err := r.intake.take()
	for _, e := range events {
		if e.HoldEnd != 0 {
			r.ended(e)
		} else {
			r.event(e)
		}
	}
	return err
}

// event stores a packet, and queues its flow if an SA must be requested.
func (r *relay) event(e relaywire.Event) {
	flow := e.Flow.Selector
	most := ofHold
	if _, lost := r.lost[flow]; lost || e.Gap {
		most = ofGap
	}
	stored := len(e.Packet) > 0 && r.store.put(e.Flow, e.Trap, packet{bytes: e.Packet, device: e.Device}, most, time.Now())
	if !stored {
		r.report(journal.Event{Kind: journal.KindLost, Flow: flow, Eroute: flow, SAID: eroute.Hold, Device: e.Device, Packets: 1, Detail: "packet not stored"})
	}
	_, requested := r.requested[e.Flow]
	if e.Acquire {
		r.requested[e.Flow] = e.Time
		hold := journal.Event{Kind: journal.KindHold, Flow: flow, Eroute: flow, SAID: eroute.Hold, Device: e.Device}
		if stored {
			hold.Packets = 1
		}
		r.report(hold)
	} else if e.Gap || e.Flow.Serial == 0 || requested {
		return
	}
	// Also for a hold without a request that the relay knows of.
	r.requests = append(r.requests, request{e.Flow, e.Trap, e.Device, example(flow, e.Packet)})
}

// example returns the fields of a packet of the flow; without a packet, those that the flow implies.
func example(flow eroute.Selector, packet []byte) eroute.Packet {
	if shown, err := eroute.ParsePacket(packet); err == nil {
		return shown
	}
	return eroute.Packet{
		Src: flow.Src.Addr(), Dst: flow.Dst.Addr(),
		Proto: flow.Proto, SrcPort: flow.SrcPort, DstPort: flow.DstPort,
	}
}

// requestSAs answers the queued flows with existing SAs, or requests SAs from the key managers. The table is locked
// once for all of them.
func (r *relay) requestSAs(ctx context.Context) error {
	if len(r.requests) == 0 {
		return nil
	}
	seen := make(map[abi.FlowID]bool)
	requests := slices.DeleteFunc(r.requests, func(q request) bool {
		again := seen[q.flow]
		seen[q.flow] = true
		return again
	})
	r.requests = nil
	params := make([]requestParams, len(requests))
	var answerErr error // with some flows; the others are requested all the same
	err := r.write(func(t *maps.Table) error {
		a, err := r.answers()
		if err != nil {
			return err
		}
		var answers []maps.Answer
		for i, q := range requests {
			if _, requested := r.requested[q.flow]; !requested {
				if err := r.confirm(t, q.flow); err != nil {
					return err
				}
			}
			p, err := t.AcquireParams(q.trap)
			if err != nil {
				return err
			}
			params[i] = a.params(q.flow.Selector, p)
			r.perCPU.note(params[i])
			if answer, ok := a.find(q.flow, params[i]); ok {
				answers = append(answers, answer)
			}
		}
		answerErr = r.answer(ctx, t, answers)
		return nil
	})
	if err != nil {
		return err
	}
	errs := []error{answerErr}
	for i, q := range requests {
		if _, requested := r.requested[q.flow]; requested {
			errs = append(errs, r.acquire(q, params[i]))
		}
	}
	return errors.Join(errs...)
}

// confirm checks a flow that has packets but no entry in r.requested. A hold is marked as waiting, so that an SA
// is requested; the packets of a flow whose SA is ready are sent.
func (r *relay) confirm(t *maps.Table, id abi.FlowID) error {
	f, found, err := t.Flow(id)
	switch {
	case err != nil || !found: // sweep handles this
		return err
	case f.SAID == eroute.Hold:
		r.requested[id] = time.Now()
		return nil
	}
	ready, err := t.SAReady(f.SAID)
	if ready && r.store.holds[id] != nil {
		r.release(id, f.Eroute, "answered")
	}
	return err
}

// acquire requests an SA from the key managers.
func (r *relay) acquire(q request, p requestParams) error { return r.acquireFor(q, p, nil) }

// acquireFor requests an SA for a CPU; nil: for any.
func (r *relay) acquireFor(q request, p requestParams, cpu *uint32) error {
	r.seq++
	flow := q.flow.Selector
	a := xfrm.Acquire{Flow: flow, Policy: q.trap, Packet: q.packet, Params: p.AcquireParams, Seq: r.seq}
	event := journal.Event{Kind: journal.KindAcquire, Flow: flow, Eroute: q.trap, SAID: eroute.Trap, Device: q.device, Detail: p.problem()}
	if flow == q.trap {
		event.SAID = eroute.TrapSubnet
	}
	if cpu != nil {
		a.OneCPU, a.CPU = true, *cpu
		event.Detail = fmt.Sprintf("for CPU %d", a.CPU)
	}
	if q.device != 0 {
		event.DeviceName = ifname.Text(q.device)
	}
	r.report(event)
	if r.exec != nil && !r.exec.start(a, event.DeviceName) {
		r.report(journal.Event{Kind: journal.KindLost, Flow: flow, Device: q.device, Detail: "--exec: too many commands wait"})
	}
	if r.xfrm == nil {
		return nil
	}
	return r.xfrm.Acquire(a)
}
