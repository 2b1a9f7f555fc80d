// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/migrate"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Left is a policy that protects packets, some of which have no eroute, or all.
type Left struct {
	Policy xfrm.Policy
	Why    error
}

// String describes the policy and why its packets have no eroute, in one line.
func (l Left) String() string { return fmt.Sprintf("%s: %v", migrate.Describe(l.Policy), l.Why) }

// Selectors returns the selectors of the packets which policies protect and which belong to no XFRM interface: these
// packets are to leave encrypted only. Others are the selectors of eroutes that do not follow a policy.
//
// XFRM selects by priority, the table by specificity. Where a policy that sends packets in clear overlaps with one that
// protects, and does not have a worse priority, no selector matches: the policy is divided into parts beside it.
func Selectors(policies []xfrm.Policy, others []eroute.Selector) (selectors []eroute.Selector, left []Left) {
	var open []opening
	for _, p := range policies {
		if applies(p) && opens(p) && !isExempt(p) {
			open = append(open, newOpening(p))
		}
	}
	others = slices.SortedFunc(slices.Values(others), eroute.Compare)
	known := make(map[eroute.Selector]bool)
	for _, p := range policies {
		if !applies(p) || p.Block || opens(p) {
			continue
		}
		s, err := migrate.Selector(p)
		if err != nil {
			left = append(left, Left{p, err})
			continue
		}
		parts, err := divide(p, s, open, others)
		if err != nil {
			left = append(left, Left{p, err})
		}
		for _, part := range parts {
			if !known[part] {
				known[part] = true
				selectors = append(selectors, part)
			}
		}
	}
	return selectors, left
}

// applies reports whether XFRM applies the policy to packets that belong to no XFRM interface.
func applies(p xfrm.Policy) bool { return p.Dir == xfrm.Out && !p.Ours() && p.IfID == 0 }

// opens reports whether packets that match the policy can leave in clear.
func opens(p xfrm.Policy) bool {
	for _, t := range p.Templates {
		if !t.Optional {
			return false
		}
	}
	return !p.Block
}

// isExempt reports whether a policy selects only packets that a watched interface exempts from the table: neighbor
// discovery (RFC 4861, bpf/link_scope.h), for which libreswan installs policies, and the gateway's own IKE
// (bpf/ike.h), for which strongSwan does. XFRM has the type of ICMP in place of the source port.
func isExempt(p xfrm.Policy) bool {
	const routerSolicitation, redirect = 133, 137
	from := p.SrcPort.Port
	if p.SrcPort.Mask != 0xffff {
		return false
	}
	return p.Proto == unix.IPPROTO_ICMPV6 && from >= routerSolicitation && from <= redirect ||
		p.Proto == unix.IPPROTO_UDP && (from == 500 || from == 4500)
}

// opening is a policy that sends packets in clear.
type opening struct {
	policy xfrm.Policy
	cover  eroute.Selector // it matches at least the packets of the policy; without prefixes: all packets
	exact  bool            // it matches only these
}

func newOpening(p xfrm.Policy) opening {
	cover, err := migrate.Selector(p)
	if err != nil || cover.SrcPort != 0 || cover.DstPort != 0 { // fragments have no ports
		return opening{policy: p, cover: eroute.Selector{Src: p.Src, Dst: p.Dst, Proto: p.Proto}}
	}
	return opening{p, cover, true}
}

// overlaps reports whether a packet can match the policy and the selector.
func (o *opening) overlaps(s eroute.Selector) bool {
	return !o.hasPrefixes() || migrate.Overlap(o.cover, s)
}

func (o *opening) hasPrefixes() bool { return o.cover.Src.IsValid() && o.cover.Dst.IsValid() }

// precedes reports whether XFRM can select the policy before another one. It looks those of type sub up first; of two
// with the same priority, the older one.
func (o *opening) precedes(p xfrm.Policy) bool {
	return o.policy.Sub || o.policy.Priority <= p.Priority
}

// sendsAll reports whether all packets with the selector of another policy, which overlaps, leave in clear if their
// addresses are those of this one.
func (o *opening) sendsAll(p xfrm.Policy, s eroute.Selector) bool {
	return o.exact && (o.cover.Proto == 0 || o.cover.Proto == s.Proto) && o.policy.Priority < p.Priority
}
