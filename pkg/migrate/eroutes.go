// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"fmt"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Kernel is the XFRM state of one network namespace.
type Kernel struct {
	Policies []xfrm.Policy
	States   xfrm.States

	// Negotiated reports whether a key manager listens: SAs then come and go.
	Negotiated bool
}

// carried is an eroute and the policy that it replaces.
type carried struct {
	eroute.Eroute
	policy xfrm.Policy
}

// Eroutes returns the eroutes equivalent to the outbound policies, sorted like the listing. notes lists each
// policy that is not imported, or not exactly, and why.
func Eroutes(k Kernel) (eroutes []eroute.Eroute, notes []string) {
	var (
		all               []carried
		in, forward, sock int
		own               int
	)
	for _, p := range k.Policies {
		switch {
		case p.Ours():
			own++
		case p.Dir == xfrm.In:
			in++
		case p.Dir == xfrm.Forward:
			forward++
		case p.Dir >= xfrm.SocketIn:
			sock++
		default:
			e, remark, err := k.eroute(p)
			if err != nil {
				notes = append(notes, fmt.Sprintf("%s: not imported: %v", Describe(p), err))
				continue
			}
			if remark != "" {
				notes = append(notes, fmt.Sprintf("%s: %s", Describe(p), remark))
			}
			all = append(all, carried{e, p})
		}
	}
	all, more := settle(all)
	notes = append(notes, more...)
	for _, left := range []struct {
		n    int
		what string
	}{
		{in, "inbound policies"}, {forward, "forward policies"}, {sock, "socket policies"}, {own, "policies of ipsec eroute"},
	} {
		if left.n > 0 {
			notes = append(notes, fmt.Sprintf("ignored %s: %d", left.what, left.n))
		}
	}
	for _, c := range all {
		eroutes = append(eroutes, c.Eroute)
	}
	slices.SortFunc(eroutes, func(a, b eroute.Eroute) int { return eroute.Compare(a.Selector, b.Selector) })
	return eroutes, notes
}

// Describe formats a policy for messages.
func Describe(p xfrm.Policy) string {
	text := fmt.Sprintf("policy %s -> %s", p.Src, p.Dst)
	if p.Proto != 0 {
		text += fmt.Sprintf(" proto %d", p.Proto)
	}
	if p.SrcPort.Mask != 0 {
		text += fmt.Sprintf(" sport %d", p.SrcPort.Port)
	}
	if p.DstPort.Mask != 0 {
		text += fmt.Sprintf(" dport %d", p.DstPort.Port)
	}
	return text + fmt.Sprintf(" priority %d", p.Priority)
}
