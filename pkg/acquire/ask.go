// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"context"
	"errors"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// question is a flow that needs an SA.
type question struct {
	flow, trap eroute.Selector
	device     int
	packet     eroute.Packet // one of it
}

// takeEvents takes a packet from the kernel, and those that have come meanwhile: the table is
// locked once for all that they ask, however long it took to get the lock.
func (r *relay) takeEvents(ctx context.Context, first maps.Event, more <-chan maps.Event) error {
	questions := r.event(nil, first)
	for {
		select {
		case e := <-more:
			if questions = r.event(questions, e); len(questions) < cap(more) {
				continue
			}
		default:
		}
		return r.ask(ctx, questions)
	}
}

// event keeps a packet, and adds what it asks to the questions.
func (r *relay) event(questions []question, e maps.Event) []question {
	p := packet{bytes: e.Packet, device: e.Device}
	most := ofHold
	if e.Gap {
		most = ofGap
	}
	kept := len(e.Packet) > 0 && r.store.put(e.Flow, p, most, time.Now())
	if !kept {
		r.report(Event{Kind: KindLost, Flow: e.Flow, Eroute: e.Flow, SAID: eroute.Hold, Device: e.Device, Packets: 1, Detail: "packet not kept"})
	}
	if !e.Acquire {
		return questions
	}
	r.asked[e.Flow] = e.Time
	hold := Event{Kind: KindHold, Flow: e.Flow, Eroute: e.Flow, SAID: eroute.Hold, Device: e.Device}
	if kept {
		hold.Packets = 1
	}
	r.report(hold)
	return append(questions, question{e.Flow, e.Trap, e.Device, example(e.Flow, e.Packet)})
}

// example is what a packet of the flow shows, or what one would if there is none.
func example(flow eroute.Selector, packet []byte) eroute.Packet {
	if shown, err := eroute.ParsePacket(packet); err == nil {
		return shown
	}
	return eroute.Packet{
		Src: flow.Src.Addr(), Dst: flow.Dst.Addr(),
		Proto: flow.Proto, SrcPort: flow.SrcPort, DstPort: flow.DstPort,
	}
}

// ask finds the flows SAs that are there already, or asks the key managers for them.
func (r *relay) ask(ctx context.Context, questions []question) error {
	if len(questions) == 0 {
		return nil
	}
	asks := make([]eroute.Ask, len(questions))
	err := r.write(func(t *maps.Table) error {
		a, err := r.answers()
		if err != nil {
			return err
		}
		var answers []maps.Answer
		for i, q := range questions {
			if asks[i], err = t.Ask(q.trap); err != nil {
				return err
			}
			if said, ok := a.find(q.flow, asks[i]); ok {
				answers = append(answers, maps.Answer{Flow: q.flow, SAID: said})
			}
		}
		return r.answer(ctx, t, answers)
	})
	if err != nil {
		return err
	}
	var errs []error
	for i, q := range questions {
		if _, waits := r.asked[q.flow]; waits {
			errs = append(errs, r.acquire(q, asks[i]))
		}
	}
	return errors.Join(errs...)
}

// acquire asks the key managers for an SA.
func (r *relay) acquire(q question, ask eroute.Ask) error {
	r.seq++
	a := xfrm.Acquire{Flow: q.flow, Policy: q.trap, Packet: q.packet, Ask: ask, Seq: r.seq}
	event := Event{Kind: KindAcquire, Flow: q.flow, Eroute: q.trap, SAID: eroute.Trap, Device: q.device}
	if q.flow == q.trap {
		event.SAID = eroute.TrapSubnet
	}
	r.report(event)
	if r.exec != nil && !r.exec.start(a, deviceName(q.device)) {
		r.report(Event{Kind: KindLost, Flow: q.flow, Device: q.device, Detail: "--exec: too many commands wait"})
	}
	if r.xfrm == nil {
		return nil
	}
	return r.xfrm.Acquire(a)
}
