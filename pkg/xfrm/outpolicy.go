// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"net/netip"

	"github.com/vishvananda/netlink/nl"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// OutPolicy is an out policy that a key manager has installed.
type OutPolicy struct {
	Selector eroute.Selector
	Priority uint32   // the smallest takes precedence
	Template Template // the last one: the outermost SA
	IfID     uint32   // of the only XFRM interface whose packets it applies to; 0: it applies to others
}

// OutPolicies returns the out policies that are not ours and have a template.
func (h *Handle) OutPolicies() ([]OutPolicy, error) {
	var all []OutPolicy
	err := h.dumpPolicies(func(m *policyMessage) {
		if p, is := m.outPolicy(); is {
			all = append(all, p)
		}
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// outPolicy returns false for a policy that OutPolicies omits.
func (m *policyMessage) outPolicy() (OutPolicy, bool) {
	if !m.isOut() || len(m.templates) == 0 || ours(m.ifID) {
		return OutPolicy{}, false
	}
	sel := parseSelector(m.Sel)
	if sel == (eroute.Selector{}) {
		return OutPolicy{}, false
	}
	last := &m.templates[len(m.templates)-1]
	return OutPolicy{Selector: sel, Priority: m.Priority, Template: templateOf(last), IfID: m.ifID}, true
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

// Complete returns params with the fields that it leaves open set from the policy.
func (p OutPolicy) Complete(params eroute.AcquireParams) eroute.AcquireParams {
	t := p.Template
	if params.ReqID == 0 {
		params.ReqID = t.ReqID
	}
	if params.Mode == eroute.DefaultAcquire.Mode && params.Proto == eroute.DefaultAcquire.Proto && (t.Proto == eroute.ProtoESP || t.Proto == eroute.ProtoAH) {
		params.Mode, params.Proto = eroute.Mode(t.Mode), t.Proto
	}
	if !params.Peer.IsValid() && t.Dst.IsValid() && !t.Dst.IsUnspecified() {
		params.Peer = t.Dst
	}
	return params
}
