// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// OutPolicy is an out policy that a key manager has installed.
type OutPolicy struct {
	Selector eroute.Selector
	Priority uint32   // the smallest takes precedence
	Template Template // the last one: the outermost SA
}

// OutPolicies returns the out policies that are not ours and have a template.
func (h *Handle) OutPolicies() ([]OutPolicy, error) {
	var all []OutPolicy
	err := h.dump(request{msgType: nl.XFRM_MSG_GETPOLICY}, nl.XFRM_MSG_NEWPOLICY, func(msg []byte) error {
		p, is, err := parseOutPolicy(msg)
		if err == nil && is {
			all = append(all, p)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("dump policies: %w", err)
	}
	return all, nil
}

// parseOutPolicy parses a policy. It returns false for one that OutPolicies omits.
func parseOutPolicy(msg []byte) (OutPolicy, bool, error) {
	p, out, err := parsePolicy(msg)
	if err != nil || !out || p.templates == 0 || ours(p.ifID) {
		return OutPolicy{}, false, err
	}
	info := nl.DeserializeXfrmUserpolicyInfo(msg)
	sel := parseSelector(info.Sel)
	if sel == (eroute.Selector{}) {
		return OutPolicy{}, false, nil
	}
	attrs, err := parseAttributes(msg[nl.SizeofXfrmUserpolicyInfo:])
	if err != nil {
		return OutPolicy{}, false, err
	}
	policy := OutPolicy{Selector: sel, Priority: info.Priority}
	for _, a := range attrs {
		if a.kind == nl.XFRMA_TMPL {
			templates := parseTemplates(a.data)
			policy.Template = templates[len(templates)-1]
		}
	}
	return policy, true, nil
}

// parseSelector parses a struct xfrm_selector. It returns a zero Selector for one without addresses, and for
// one with a range of ports, which selectors here do not support.
func parseSelector(s nl.XfrmSelector) eroute.Selector {
	src := netip.PrefixFrom(fromAddress(s.Saddr, s.Family), int(s.PrefixlenS))
	dst := netip.PrefixFrom(fromAddress(s.Daddr, s.Family), int(s.PrefixlenD))
	ports := func(mask uint16) bool { return mask == 0 || mask == 0xffff }
	if !src.IsValid() || !dst.IsValid() || !ports(s.SportMask) || !ports(s.DportMask) {
		return eroute.Selector{}
	}
	return eroute.Selector{
		Src: src.Masked(), Dst: dst.Masked(), Proto: s.Proto,
		SrcPort: nl.Swap16(s.Sport & s.SportMask), DstPort: nl.Swap16(s.Dport & s.DportMask),
	}
}

// Selects reports whether the state's own selector covers all packets of the flow.
func (s State) Selects(flow eroute.Selector) bool {
	return s.Sel != (eroute.Selector{}) && s.Sel.Contains(flow)
}

// Covers reports whether the policy matches all packets of the flow.
func (p OutPolicy) Covers(flow eroute.Selector) bool { return p.Selector.Contains(flow) }

// PolicyFor returns the policy that the kernel would choose for the flow, nil if none covers it.
func PolicyFor(policies []OutPolicy, flow eroute.Selector) (best *OutPolicy) {
	for i := range policies {
		if p := &policies[i]; p.Covers(flow) && (best == nil || p.Priority < best.Priority) {
			best = p
		}
	}
	return best
}

// Complete returns ask with the fields that it leaves open set from the policy.
func (p OutPolicy) Complete(ask eroute.AcquireParams) eroute.AcquireParams {
	t := p.Template
	if ask.ReqID == 0 {
		ask.ReqID = t.ReqID
	}
	if ask.Mode == eroute.DefaultAcquire.Mode && ask.Proto == eroute.DefaultAcquire.Proto && (t.Proto == eroute.ProtoESP || t.Proto == eroute.ProtoAH) {
		ask.Mode, ask.Proto = eroute.Mode(t.Mode), t.Proto
	}
	if !ask.Peer.IsValid() && t.Dst.IsValid() && !t.Dst.IsUnspecified() {
		ask.Peer = t.Dst
	}
	return ask
}
