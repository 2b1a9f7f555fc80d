// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// maxPolicies is the number of policies that are compared with the eroutes.
const maxPolicies = 100

// Preceding is an XFRM policy that applies before an eroute.
type Preceding struct{ Policy, Eroute eroute.Selector }

// policiesBefore returns the first policies that apply to packets on their way to a watched interface: those without
// a route into an ipsec device, where the table takes precedence.
func (f *Facts) policiesBefore() (all []eroute.Selector, err error) {
	if f.Missing["XFRM"] != nil {
		return nil, nil
	}
	h, err := xfrm.Open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	policies, err := h.OutPolicies()
	for _, p := range policies {
		routed := func(r Route) bool {
			return r.IPsec && r.Dst.Bits() <= p.Selector.Dst.Bits() && r.Dst.Contains(p.Selector.Dst.Addr())
		}
		if p.IfID == 0 && len(all) < maxPolicies && !slices.ContainsFunc(f.Routes, routed) {
			all = append(all, p.Selector)
		}
	}
	return all, err
}

// preceding returns the first of the policies that applies to packets of an eroute, nil if none does.
func preceding(policies []eroute.Selector, s eroute.Selector) *Preceding {
	for _, p := range policies {
		if p.Src.Overlaps(s.Src) && p.Dst.Overlaps(s.Dst) && (p.Proto == 0 || s.Proto == 0 || p.Proto == s.Proto) {
			return &Preceding{p, s}
		}
	}
	return nil
}
