// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// settle compares which of two policies for the same packets goes first, by priority, with
// which eroute does, by being more specific. A policy that no packet meets is left out;
// the notes tell of those, and of pairs that go the other way round.
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
				notes = append(notes, fmt.Sprintf("%s: not imported: %s takes precedence for all its packets", describe(b.policy), describe(a.policy)))
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
			a, b := kept[i], kept[j] // as an eroute b goes first
			if alike(a, b) || eroute.MoreSpecific(b.Selector, a.Selector) >= 0 || !overlap(a.Selector, b.Selector) {
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
			notes = append(notes, fmt.Sprintf(format, describe(a.policy), describe(b.policy)))
		}
	}
	return kept, notes
}

// alike tells whether both do the same with a packet.
func alike(a, b carried) bool { return a.SAID == b.SAID && a.Acquire == b.Acquire }

// overlap tells whether packets may match both.
func overlap(a, b eroute.Selector) bool {
	same := func(x, y uint16) bool { return x == 0 || y == 0 || x == y }
	return a.Src.Overlaps(b.Src) && a.Dst.Overlaps(b.Dst) && same(uint16(a.Proto), uint16(b.Proto)) &&
		same(a.SrcPort, b.SrcPort) && same(a.DstPort, b.DstPort)
}
