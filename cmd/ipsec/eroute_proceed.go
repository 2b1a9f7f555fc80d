// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// ownKeyExchange is what there is to say of a packet of key exchange from the gateway's own address.
const ownKeyExchange = "in clear, if a key manager's socket or XFRM has made it; any other packet like it matches the eroute"

// saState is the SA that an eroute names, and whether packets are given to it.
type saState struct {
	said    eroute.SAID
	life    *xfrm.Life // nil: there is none that could be used
	problem string     // why
	ready   bool       // the programs use it
}

// proceed finds out what the ipsec device would do with the packet, as bpf/egress.bpf.c
// does it.
func (x *explainer) proceed(e *explanation) error {
	action := eroute.ActionDrop
	if e.met != nil {
		action = e.met.SAID.Action()
	}
	own, err := x.isOwnKeyExchange(e)
	switch {
	case err != nil:
		return err
	case own:
		e.outcome = outcome{maps.Sent, "key-exchange", ownKeyExchange}
		e.next = x.leave(e)
	case e.met == nil:
		e.outcome = outcome{maps.Dropped, "no-eroute", ""}
	case action == eroute.ActionSA:
		return x.encrypt(e)
	case action == eroute.ActionPass:
		e.outcome = outcome{maps.Sent, "pass", "in clear"}
		e.next = x.leave(e)
	case action == eroute.ActionReject:
		e.outcome = outcome{maps.Dropped, "reject", "the sender is told, as far as the limits of ICMP errors allow"}
	case action == eroute.ActionHold && x.relay:
		e.outcome = outcome{maps.Kept, "hold", "of a hold's packets the first and the newest"}
	case action == eroute.ActionHold:
		e.outcome = outcome{maps.Dropped, "hold-not-kept", "ipsec acquire does not run, or has nobody to ask"}
	case action.IsTrap() && x.relay:
		e.outcome = outcome{maps.Kept, "trap", "key managers are asked for an SA" + x.askText(e) + ", a %hold is made"}
	case action.IsTrap():
		e.outcome = outcome{maps.Dropped, "trap-no-relay", "ipsec acquire does not run, or has nobody to ask"}
	default:
		e.outcome = outcome{maps.Dropped, "drop", ""}
	}
	return nil
}

// askText tells by which reqid the key managers are asked, as pkg/acquire chooses it.
func (x *explainer) askText(e *explanation) string {
	if reqid := e.met.Ask.ReqID; reqid != 0 {
		return fmt.Sprintf(" with reqid %d", reqid)
	}
	policy, err := x.around.Policy(flowOf(e.packet, *e.met))
	switch {
	case err != nil:
		return fmt.Sprintf(" with the reqid of their policy, which cannot be read: %v", err)
	case policy != nil && policy.Template.ReqID != 0:
		return fmt.Sprintf(" with reqid %d of their policy %s -> %s", policy.Template.ReqID, policy.Selector.Src, policy.Selector.Dst)
	}
	return " without a reqid, for the trap has none and no policy covers the flow: strongSwan does not negotiate then"
}

// flowOf is the flow that a packet makes when it meets a trap, as bpf/trap.h makes it.
func flowOf(p eroute.Packet, trap eroute.Eroute) eroute.Selector {
	s := trap.Selector
	if trap.SAID.Action() == eroute.ActionTrap {
		s.Src, s.Dst = netip.PrefixFrom(p.Src, p.Src.BitLen()), netip.PrefixFrom(p.Dst, p.Dst.BitLen())
	}
	return s
}

// encrypt is proceed for an SA.
func (x *explainer) encrypt(e *explanation) (err error) {
	said := e.met.SAID
	e.sa = &saState{said: said}
	if e.sa.ready, err = x.table.SAReady(said); err != nil {
		return err
	}
	life, err := x.around.SA(said)
	switch {
	case err == nil:
		e.sa.life = &life
	case errors.Is(err, xfrm.ErrNoState):
		e.sa.problem = "XFRM has no such state for output"
	case errors.Is(err, xfrm.ErrUnsupported):
		e.sa.problem = err.Error()
	default:
		return err
	}
	d := x.device(e)
	switch {
	case d != nil && d.Kind == device.KindPlain:
		e.outcome = outcome{maps.Dropped, "no-xfrm", "this kernel has no XFRM interfaces"}
	case e.sa.life == nil && e.sa.ready:
		e.outcome = outcome{maps.Sent, "sa", "but the SA has gone since: XFRM drops the packet (XfrmOutNoStates) until ipsec eroute --sync"}
	case e.sa.life == nil:
		e.outcome = outcome{maps.Dropped, "sa-missing", ""}
	case !e.sa.ready && life.State.Spent:
		e.outcome = outcome{maps.Dropped, "sa-spent", "the sequence numbers of the SA are used up"}
	case !e.sa.ready:
		e.outcome = outcome{maps.Dropped, "sa-missing", "the SA has come since: ipsec eroute --sync looks anew"}
	case life.Inner&xfrm.FamilyOf(e.packet.Src) == 0:
		e.outcome = outcome{maps.Sent, "sa", fmt.Sprintf("but the SA carries %s only: XFRM drops the packet (XfrmOutPolBlock, XfrmOutNoStates)", life.Inner)}
	case life.Spent != "":
		e.outcome = outcome{maps.Sent, "sa", "but XFRM drops the packet: " + life.Spent}
	case life.Policies&xfrm.FamilyOf(e.packet.Src) == 0:
		e.outcome = outcome{maps.Sent, "sa", "but its XFRM policy is gone: the ipsec device drops the packet (TX carrier errors) until ipsec eroute --sync"}
	default:
		e.outcome = outcome{maps.Sent, "sa", fmt.Sprintf("wrapped by XFRM in %s mode", life.Mode)}
		if life.Mode == xfrm.ModeTransport {
			e.next = x.around.Route(life.Dst, "")
			if x.isVirtual(e.next.device) && d != nil { // by the detour, out of the physical device
				e.next = x.around.Route(life.Dst, d.Physical)
			}
			return nil
		}
		switch e.next = x.around.Outgoing(life.State); {
		case e.next.device == "":
			e.detail += ", but XFRM finds no route to the peer and drops the packet (XfrmOutBundleGenError)"
		case x.isVirtual(e.next.device):
			e.detail += fmt.Sprintf(", but the peer itself is routed into %s: XFRM takes that for a loop and drops the packet", e.next.device)
		}
	}
	return nil
}

// leave is where a packet in clear goes: out of the physical device.
func (x *explainer) leave(e *explanation) hop {
	switch d := x.device(e); {
	case d == nil:
		return hop{problem: "no ipsec device is attached"}
	case d.Physical == "":
		return hop{problem: "the physical device is gone"}
	default:
		return x.around.Route(e.packet.Dst, d.Physical)
	}
}

// device is the ipsec device that the packet is routed into, or would be if it were
// routed into one: the first. Nil if there is none.
func (x *explainer) device(e *explanation) *device.Attachment {
	for i := range x.devices {
		if x.devices[i].Virtual == e.route.device {
			return &x.devices[i]
		}
	}
	if len(x.devices) > 0 {
		return &x.devices[0]
	}
	return nil
}

func (x *explainer) isVirtual(name string) bool {
	for i := range x.devices {
		if x.devices[i].Virtual == name {
			return true
		}
	}
	return false
}

// isOwnKeyExchange is the exemption of bpf/own.h, for a packet that the gateway itself has made.
func (x *explainer) isOwnKeyExchange(e *explanation) (bool, error) {
	if !yields(e.met, e.packet.Dst) {
		return false, nil
	}
	physical := ""
	if d := x.device(e); d != nil {
		physical = d.Physical
	}
	return x.table.IsOwnKeyExchange(e.packet, x.around.Ifindex(physical))
}

// yields tells whether what was met goes behind the gateway's own key exchange.
func yields(met *eroute.Eroute, dst netip.Addr) bool {
	if met == nil {
		return true
	}
	switch met.SAID.Action() {
	case eroute.ActionDrop:
		return false
	case eroute.ActionSA:
		return met.SAID.Dst == dst
	}
	return true
}
