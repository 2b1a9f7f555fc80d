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
const ownKeyExchange = "in clear if sent by a key manager's socket or by XFRM; any other such packet matches the eroute"

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
		e.outcome = outcome{maps.Dropped, "reject", "the sender receives an ICMP error, within the rate limits for these"}
	case action == eroute.ActionHold && x.relay:
		e.outcome = outcome{maps.Kept, "hold", "the relay keeps the first and the latest packet of a hold"}
	case action == eroute.ActionHold:
		e.outcome = outcome{maps.Dropped, "hold-not-kept", "ipsec acquire is not running, or no key manager listens"}
	case action.IsTrap() && x.relay:
		e.outcome = outcome{maps.Kept, "trap", "an ACQUIRE" + x.askText(e) + " is sent to key managers, and a %hold eroute is created"}
	case action.IsTrap():
		e.outcome = outcome{maps.Dropped, "trap-no-relay", "ipsec acquire is not running, or no key manager listens"}
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
		return fmt.Sprintf(" with the reqid of the key manager's policy (cannot be read: %v)", err)
	case policy != nil && policy.Template.ReqID != 0:
		return fmt.Sprintf(" with reqid %d of policy %s -> %s", policy.Template.ReqID, policy.Selector.Src, policy.Selector.Dst)
	}
	return " without a reqid (the trap has none and no policy covers the flow; strongSwan ignores such an ACQUIRE)"
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
		e.sa.problem = "no such outbound state in XFRM"
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
		e.outcome = outcome{maps.Sent, "sa", "but the SA has been deleted: XFRM drops the packet (XfrmOutNoStates) until ipsec eroute --sync"}
	case e.sa.life == nil:
		e.outcome = outcome{maps.Dropped, "sa-missing", ""}
	case !e.sa.ready && life.State.Spent:
		e.outcome = outcome{maps.Dropped, "sa-spent", "the sequence numbers of the SA are exhausted"}
	case !e.sa.ready:
		e.outcome = outcome{maps.Dropped, "sa-missing", "the SA has been added since: run ipsec eroute --sync"}
	case life.Inner&xfrm.FamilyOf(e.packet.Src) == 0:
		e.outcome = outcome{maps.Sent, "sa", fmt.Sprintf("but the SA is for %s only: XFRM drops the packet (XfrmOutPolBlock, XfrmOutNoStates)", life.Inner)}
	case life.Spent != "":
		e.outcome = outcome{maps.Sent, "sa", "but XFRM drops the packet: " + life.Spent}
	case life.Policies&xfrm.FamilyOf(e.packet.Src) == 0:
		e.outcome = outcome{maps.Sent, "sa", "but its XFRM policy has been deleted: the ipsec device drops the packet (TX carrier errors) until ipsec eroute --sync"}
	default:
		e.outcome = outcome{maps.Sent, "sa", fmt.Sprintf("encapsulated by XFRM in %s mode", life.Mode)}
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
			e.detail += fmt.Sprintf(", but the route to the peer leads into %s: XFRM detects a loop and drops the packet", e.next.device)
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
		return hop{problem: "the physical device does not exist"}
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
