// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"fmt"
	"sort"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/migrate"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// mostParts is the number of parts that a policy is divided into. One host that is an exception makes up to 64 in IPv4.
const mostParts = 1024

// divide returns selectors of the packets of a policy, whose selector is s, that cannot have to leave in clear. The error
// names packets that need not leave in clear and have no selector either.
func divide(p xfrm.Policy, s eroute.Selector, open []opening, others []eroute.Selector) ([]eroute.Selector, error) {
	parts := []eroute.Selector{s}
	var left error
	for i := range open {
		o := &open[i]
		if !o.precedes(p) || !o.overlaps(s) {
			continue
		}
		if !o.hasPrefixes() {
			return nil, fmt.Errorf("%s sends some of its packets in clear", migrate.Describe(o.policy))
		}
		rest, common := beside(parts, o.cover, o.overlaps)
		if common != nil && left == nil && !o.sendsAll(p, s) {
			left = fmt.Errorf("%s sends some of its packets in clear: %s -> %s has no eroute", migrate.Describe(o.policy), common.Src, common.Dst)
		}
		if parts = rest; len(parts) > mostParts {
			return nil, errParts
		}
	}
	if len(parts) == 1 && parts[0] == s {
		return parts, left
	}

	parts, taken := besideOthers(parts, s, others)
	switch {
	case len(parts) > mostParts:
		return nil, errParts
	case left == nil:
		left = taken
	}
	return parts, left
}

// besideOthers divides the parts of a selector beside other eroutes that take precedence over the selector and, as a part
// is more specific, not over the part. Others are sorted. The error names packets that then have no eroute.
func besideOthers(parts []eroute.Selector, s eroute.Selector, others []eroute.Selector) (_ []eroute.Selector, left error) {
	first := sort.Search(len(others), func(i int) bool { return s.Src.Addr().Compare(others[i].Src.Addr()) <= 0 })
	for changed := true; changed; { // a part of a part can be more specific than one more
		changed = false
		for _, other := range others[first:] {
			if !s.Src.Contains(other.Src.Addr()) || len(parts) > mostParts {
				break
			}
			if eroute.MoreSpecific(s, other) < 0 {
				continue
			}
			rest, common := beside(parts, other, func(part eroute.Selector) bool {
				return migrate.Overlap(part, other) && eroute.MoreSpecific(part, other) < 0
			})
			if common == nil {
				continue
			}
			parts, changed = rest, true
			if left == nil && !other.Contains(*common) {
				left = fmt.Errorf("an eroute takes precedence for some of its packets: %s -> %s has no other eroute", common.Src, common.Dst)
			}
		}
	}
	return parts, left
}

var errParts = fmt.Errorf("more than %d eroutes would be necessary, because some of its packets leave in clear or have other eroutes", mostParts)

// beside returns the packets of the parts that do not have the addresses of other, as parts, and the first part that is
// divided or omitted, within these addresses; nil if there is none. Other divides the parts that overlaps reports.
func beside(parts []eroute.Selector, other eroute.Selector, overlaps func(eroute.Selector) bool) (rest []eroute.Selector, common *eroute.Selector) {
	for _, part := range parts {
		if !overlaps(part) {
			rest = append(rest, part)
			continue
		}
		rest = append(rest, without(part, other.Src, other.Dst)...)
		if common == nil {
			part.Src, part.Dst = narrower(part.Src, other.Src), narrower(part.Dst, other.Dst)
			common = &part
		}
	}
	return rest, common
}
