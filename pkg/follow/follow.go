// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/migrate"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Left is a policy that protects packets and has no eroute.
type Left struct {
	Policy xfrm.Policy
	Why    error
}

// String describes the policy and why it has no eroute, in one line.
func (l Left) String() string { return fmt.Sprintf("%s: %v", migrate.Describe(l.Policy), l.Why) }

// Selectors returns the selectors of the policies that protect packets which belong to no XFRM interface: their
// packets are to leave encrypted only.
//
// XFRM selects by priority, the table by specificity. A policy is left if a packet of its selector can have to leave
// in clear: if a policy that sends packets in clear overlaps with it and does not have a worse priority.
func Selectors(policies []xfrm.Policy) (selectors []eroute.Selector, left []Left) {
	var open []opening
	for _, p := range policies {
		if applies(p) && opens(p) && !isExempt(p) {
			open = append(open, newOpening(p))
		}
	}
	known := make(map[eroute.Selector]bool)
	for _, p := range policies {
		if !applies(p) || p.Block || opens(p) {
			continue
		}
		s, err := migrate.Selector(p)
		if err == nil {
			err = conflict(p, s, open)
		}
		if err != nil {
			left = append(left, Left{p, err})
		} else if !known[s] {
			known[s] = true
			selectors = append(selectors, s)
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
}

func newOpening(p xfrm.Policy) opening {
	cover, err := migrate.Selector(p)
	if err != nil || cover.SrcPort != 0 || cover.DstPort != 0 { // fragments have no ports
		cover = eroute.Selector{Src: p.Src, Dst: p.Dst, Proto: p.Proto}
	}
	return opening{p, cover}
}

// overlaps reports whether a packet can match the policy and the selector.
func (o *opening) overlaps(s eroute.Selector) bool {
	return !o.cover.Src.IsValid() || !o.cover.Dst.IsValid() || migrate.Overlap(o.cover, s)
}

// conflict returns an error if a packet that matches the selector of a policy can have to leave in clear.
func conflict(p xfrm.Policy, s eroute.Selector, open []opening) error {
	for i := range open {
		o := &open[i]
		later := o.policy.Priority > p.Priority && !o.policy.Sub // XFRM looks those of type sub up first
		if !later && o.overlaps(s) {
			return fmt.Errorf("%s sends some of its packets in clear", migrate.Describe(o.policy))
		}
	}
	return nil
}
