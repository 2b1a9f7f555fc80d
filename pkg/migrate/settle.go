// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// settle compares the precedence of policies, by priority, with that of eroutes, by specificity. It omits policies
// that no packet can match; the notes report those, and pairs whose precedence is reversed.
func settle(all []carried) (kept []carried, notes []string) {
	hidden := make([]bool, len(all))
	for i := range all {
		for j := range all {
			a, b := all[i], all[j]
			if a.policy.Priority >= b.policy.Priority || hidden[i] || hidden[j] || !a.Selector.Contains(b.Selector) {
				continue
			}
			hidden[j] = true
			if !alike(a, b) {
				notes = append(notes, fmt.Sprintf("%s: not imported: %s takes precedence for all its packets", Describe(b.policy), Describe(a.policy)))
			}
		}
	}
	for i, c := range all {
		if !hidden[i] {
			kept = append(kept, c)
		}
	}
	for i := range kept {
		for j := range kept {
			a, b := kept[i], kept[j] // as an eroute b takes precedence
			if alike(a, b) || eroute.MoreSpecific(b.Selector, a.Selector) >= 0 || !Overlap(a.Selector, b.Selector) {
				continue
			}
			format := ""
			switch {
			case a.policy.Priority < b.policy.Priority:
				format = "%s: as eroutes, %s takes precedence for packets that match both, although the priorities are the other way round"
			case a.policy.Priority == b.policy.Priority:
				format = "%s: as eroutes, %s takes precedence for packets that match both; their priorities are equal"
			default:
				continue
			}
			notes = append(notes, fmt.Sprintf(format, Describe(a.policy), Describe(b.policy)))
		}
	}
	return kept, notes
}

// alike reports whether both have the same action.
func alike(a, b carried) bool { return a.SAID == b.SAID && a.Acquire == b.Acquire }

// Overlap reports whether a packet can match both.
func Overlap(a, b eroute.Selector) bool {
	same := func(x, y uint16) bool { return x == 0 || y == 0 || x == y }
	return a.Src.Overlaps(b.Src) && a.Dst.Overlaps(b.Dst) && same(uint16(a.Proto), uint16(b.Proto)) &&
		same(a.SrcPort, b.SrcPort) && same(a.DstPort, b.DstPort)
}
