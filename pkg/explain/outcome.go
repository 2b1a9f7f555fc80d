// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// ownKeyExchange is the detail of IKE and ESP packets from an address of the gateway.
const ownKeyExchange = "in clear if sent by a key manager's socket or by XFRM; any other such packet matches the eroute"

// SA is the SA that an eroute names, or the member of its group to which the packet goes.
type SA struct {
	SAID    eroute.SAID
	State   *xfrm.Lifetime // nil: there is no usable state
	Problem string         // why there is no usable state
	Ready   bool           // whether the programs send packets to it
}

// decide determines what happens to the packet.
func (x *explainer) decide(e *Explanation) error {
	d := x.device(e)
	switch {
	case e.Watched:
		return x.decideWire(e, d)
	case e.IPsec:
		return x.decideDevice(e)
	case d != nil && d.Watched && e.Route.Device != "":
		e.Outcome = Outcome{maps.Sent, "", e.unwatchedText()}
		e.Next = e.Route
		return nil
	}
	e.Assumed = true
	if d != nil && d.Watched {
		return x.decideWire(e, d)
	}
	return x.decideDevice(e)
}

// unwatchedText describes the interface through which the packet leaves without being matched.
func (e *Explanation) unwatchedText() string {
	if e.unwatched != e.Route.Device {
		return fmt.Sprintf("in clear if it leaves through %s, a member of %s that is not watched", e.unwatched, e.Route.Device)
	}
	return fmt.Sprintf("in clear: %s is not watched", e.Route.Device)
}

// decideDevice determines what the ipsec device does with the packet, in the order of bpf/egress.bpf.c.
func (x *explainer) decideDevice(e *Explanation) error {
	own, err := x.isOwnKeyExchange(e)
	switch {
	case err != nil:
		return err
	case own:
		e.Outcome = Outcome{maps.Sent, "key-exchange", ownKeyExchange}
		e.Next = x.clearHop(e)
	case e.Match == nil:
		e.Outcome = Outcome{maps.Dropped, "no-eroute", ""}
	case e.Match.SAID.Action() == eroute.ActionPass:
		e.Outcome = Outcome{maps.Sent, "pass", "in clear"}
		e.Next = x.clearHop(e)
	default:
		return x.decideProtected(e)
	}
	return nil
}

// decideProtected implements decide for packets that match an eroute other than %pass.
func (x *explainer) decideProtected(e *Explanation) error {
	switch action := e.Match.SAID.Action(); {
	case action == eroute.ActionSA:
		return x.encrypt(e)
	case action == eroute.ActionXFRM:
		return x.leaveToXFRM(e)
	case action == eroute.ActionReject:
		e.Outcome = Outcome{maps.Dropped, "reject", "the sender receives an ICMP error, within the rate limits for these"}
	case action == eroute.ActionHold && x.relay:
		e.Outcome = Outcome{maps.Kept, "hold", "the relay keeps the first and the latest packet of a hold"}
	case action == eroute.ActionHold:
		e.Outcome = Outcome{maps.Dropped, "hold-not-stored", "ipsec acquire is not running, or no key manager listens"}
	case action.IsTrap():
		return x.trap(e)
	default:
		e.Outcome = Outcome{maps.Dropped, "drop", ""}
	}
	return nil
}

// trap implements decide for traps, and for groups without an SA that packets can use that end with %trap.
func (x *explainer) trap(e *Explanation) error {
	e.Outcome = Outcome{maps.Dropped, "trap-no-relay", "ipsec acquire is not running, or no key manager listens"}
	if x.relay {
		e.Outcome = Outcome{maps.Kept, "trap", "an ACQUIRE" + x.acquireText(e) + " is sent to key managers, and a %hold eroute is created"}
	}
	return nil
}

// acquireText describes the reqid of the ACQUIRE, as chosen by pkg/acquire.
func (x *explainer) acquireText(e *Explanation) string {
	if reqid := e.Match.Acquire.ReqID; reqid != 0 {
		return fmt.Sprintf(" with reqid %d", reqid)
	}
	policy, err := x.kernel.Policy(flowOf(e.Packet, *e.Match))
	switch {
	case err != nil:
		return fmt.Sprintf(" with the reqid of the key manager's policy (cannot be read: %v)", err)
	case policy != nil && policy.Template.ReqID != 0:
		return fmt.Sprintf(" with reqid %d of policy %s -> %s", policy.Template.ReqID, policy.Selector.Src, policy.Selector.Dst)
	}
	return " without a reqid (the trap has none and no policy covers the flow; strongSwan ignores such an ACQUIRE)"
}

// flowOf returns the flow that a packet creates when it matches a trap, see bpf/trap.h.
func flowOf(p eroute.Packet, trap eroute.Eroute) eroute.Selector {
	s := trap.Selector
	if trap.SAID.Action() != eroute.ActionTrapSubnet {
		s.Src, s.Dst = netip.PrefixFrom(p.Src, p.Src.BitLen()), netip.PrefixFrom(p.Dst, p.Dst.BitLen())
	}
	return s
}

// lose notes that the SA's packet is dropped after it has been passed to XFRM.
func (e *Explanation) lose(why string) {
	e.Outcome, e.Lost = Outcome{maps.Sent, "sa", "but " + why}, true
}

// encrypt implements decide for eroutes with an SA.
func (x *explainer) encrypt(e *Explanation) (err error) {
	if said := e.Match.SAID; !said.IsGroup() {
		return x.encryptBy(e, said)
	}
	if e.Match.SAID.Spread() == eroute.SpreadCPU {
		return x.encryptByCPU(e)
	}
	said, err := x.table.Member(e.Packet, e.Match.SAID, 0)
	if err != nil {
		return err
	}
	return x.encryptBy(e, said)
}

// encryptBy implements encrypt for one SA, or for the %trap or the zero SAID of a group.
func (x *explainer) encryptBy(e *Explanation, said eroute.SAID) (err error) {
	switch said {
	case eroute.Trap:
		return x.trap(e)
	case eroute.SAID{}:
		e.Outcome = Outcome{maps.Dropped, "sa-missing", "all SAs of the group are set aside"}
		if len(e.Match.SetAside()) != len(e.Match.SAID.SAs()) {
			e.Detail += " or bound to other CPUs"
		}
		return nil
	}
	e.SA = &SA{SAID: said}
	if e.SA.Ready, err = x.table.SAReady(said); err != nil {
		return err
	}
	lifetime, err := x.kernel.SA(said)
	if err == nil && e.Match.SAID.Spread() != eroute.SpreadCPU {
		if err = lifetime.ForAnyCPU(); err != nil {
			e.SA.Ready = false // for eroutes outside a group by CPU
		}
	}
	switch {
	case err == nil:
		e.SA.State = &lifetime
	case errors.Is(err, xfrm.ErrNoState):
		e.SA.Problem = "no such outbound state in XFRM"
		if said.IsBundle() {
			e.SA.Problem += ", or one of its bundle"
		}
	case errors.Is(err, xfrm.ErrUnsupported):
		e.SA.Problem = err.Error()
	default:
		return err
	}
	d := x.device(e)
	switch {
	case d != nil && d.Kind == device.KindPlain:
		e.Outcome = Outcome{maps.Dropped, "no-xfrm", "this kernel has no XFRM interfaces"}
	case e.SA.State == nil && e.SA.Ready:
		e.lose("the SA has been deleted: XFRM drops the packet (XfrmOutNoStates) until ipsec eroute --sync")
	case e.SA.State == nil:
		e.Outcome = Outcome{maps.Dropped, "sa-missing", ""}
	case !e.SA.Ready && lifetime.State.Spent:
		e.Outcome = Outcome{maps.Dropped, "sa-exhausted", "the sequence numbers of the SA are exhausted"}
	case !e.SA.Ready:
		e.Outcome = Outcome{maps.Dropped, "sa-missing", "the SA has been added since: run ipsec eroute --sync"}
		uses, err := x.table.SAUses()
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(uses, func(u maps.SAUse) bool { return u.Takes(said) }); i >= 0 {
			e.Detail = fmt.Sprintf("%s uses a state of the SA, and a state in a bundle cannot have a second SAID", uses[i].SAID)
		}
	case lifetime.Inner&xfrm.FamilyOf(e.Packet.Src) == 0:
		e.lose(fmt.Sprintf("the SA is for %s only: XFRM drops the packet (XfrmOutPolBlock, XfrmOutNoStates)", lifetime.Inner))
	case lifetime.Spent != "":
		e.lose("XFRM drops the packet: " + lifetime.Spent)
	case lifetime.Policies&xfrm.FamilyOf(e.Packet.Src) == 0:
		e.lose("its XFRM policy has been deleted: the ipsec device drops the packet (TX carrier errors) until ipsec eroute --sync")
	default:
		e.Outcome = Outcome{maps.Sent, "sa", "encapsulated by XFRM in transport mode"}
		if tunnel := lifetime.Tunnel(); tunnel != nil {
			e.Detail = fmt.Sprintf("encapsulated by XFRM in %s mode", tunnel.Mode)
		}
		if e.Watched && d != nil {
			e.Detail = fmt.Sprintf("through %s, without a route into it, ", d.Virtual) + e.Detail
		}
		e.Next = x.outgoing(&lifetime, d)
		switch {
		case e.Next.Device == "" && lifetime.Tunnel() == nil:
		case e.Next.Device == "":
			e.Lost = true
			e.Detail += ", but XFRM finds no route to the peer and drops the packet (XfrmOutBundleGenError)"
		case x.isVirtual(e.Next.Device):
			e.Lost = true
			e.Detail += fmt.Sprintf(", but the route to the peer leads into %s: XFRM detects a loop and drops the packet", e.Next.Device)
		}
	}
	return nil
}

// outgoing returns the next hop of the packets of an SA.
func (x *explainer) outgoing(l *xfrm.Lifetime, d *device.Attachment) Hop {
	if tunnel := l.Tunnel(); tunnel != nil {
		return x.kernel.Outgoing(*tunnel)
	}
	next := x.kernel.Route(l.Dst, "")
	if x.isVirtual(next.Device) && d != nil && !d.Watched { // through the detour and the physical device
		return x.kernel.Route(l.Dst, d.Physical)
	}
	return next
}

// clearHop returns the next hop of a packet in clear, through the physical device.
func (x *explainer) clearHop(e *Explanation) Hop {
	switch d := x.device(e); {
	case d == nil:
		return Hop{Problem: "no ipsec device is attached"}
	case d.Physical == "":
		return Hop{Problem: "the physical device does not exist"}
	default:
		return x.kernel.Route(e.Packet.Dst, d.Physical)
	}
}

// device returns the ipsec device that the packet is routed into, or that watches the interface it leaves through,
// otherwise the first one, watched if there is such; nil if there is none.
func (x *explainer) device(e *Explanation) *device.Attachment {
	if e.watcher.device != nil {
		return e.watcher.device
	}
	for _, is := range []func(*device.Attachment) bool{
		func(a *device.Attachment) bool { return a.Virtual == e.Route.Device },
		func(a *device.Attachment) bool { return a.Watched },
	} {
		for i := range x.devices {
			if is(&x.devices[i]) {
				return &x.devices[i]
			}
		}
	}
	if len(x.devices) > 0 {
		return &x.devices[0]
	}
	return nil
}

// isOwnKeyExchange applies the exemption of local IKE and ESP to a packet of the gateway itself.
func (x *explainer) isOwnKeyExchange(e *Explanation) (bool, error) {
	if !yields(e.Match, e.Packet.Dst) {
		return false, nil
	}
	physical := ""
	if d := x.device(e); d != nil {
		physical = d.Physical
	}
	if e.Watched {
		physical = e.watcher.name
	}
	return x.table.IsOwnKeyExchange(e.Packet, x.kernel.Ifindex(physical))
}

// yields reports whether local IKE takes precedence over the match.
func yields(match *eroute.Eroute, dst netip.Addr) bool {
	if match == nil {
		return true
	}
	switch match.SAID.Action() {
	case eroute.ActionDrop:
		return false
	case eroute.ActionSA:
		return slices.ContainsFunc(match.SAID.SAs(), func(sa eroute.SAID) bool { return sa.Dst == dst })
	}
	return true
}

// leaveToXFRM implements decide for %xfrm: the policies of XFRM without an if_id decide.
func (x *explainer) leaveToXFRM(e *Explanation) error {
	policy, err := x.kernel.Policy(only(e.Packet))
	if err != nil {
		return err
	}
	e.Outcome = Outcome{maps.Sent, "xfrm", "but no policy of XFRM matches the packet: the ipsec device drops it (TX carrier errors)"}
	if e.Lost = policy == nil || policy.IfID != 0; !e.Lost {
		e.Detail = fmt.Sprintf("XFRM encrypts it or waits for an SA: its policy %s -> %s", policy.Selector.Src, policy.Selector.Dst)
	}
	return nil
}
