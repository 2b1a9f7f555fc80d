// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"cmp"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// fitting are the states that match the request of a flow, newest first: those that are bound to a CPU, and those for
// packets on any.
type fitting struct{ oneCPU, anyCPU []xfrm.State }

// said returns the SA of the flow: with a spread the group of all that it can use, else the newest one. Packets of a flow
// can be on any CPU: without a state for these there is none.
func (f fitting) said(spread eroute.Spread) (eroute.SAID, bool) {
	if len(f.anyCPU) == 0 {
		return eroute.SAID{}, false
	}
	var members []xfrm.State
	switch spread {
	case eroute.SpreadFlow:
		members = slices.Clone(f.anyCPU[:min(len(f.anyCPU), eroute.MaxMembers)])
		// The group is the same one, whichever of its SAs is the newest.
		slices.SortFunc(members, func(x, y xfrm.State) int {
			return cmp.Or(x.Dst.Compare(y.Dst), cmp.Compare(x.SPI, y.SPI))
		})
	case eroute.SpreadCPU:
		members = f.newestByCPU()
		members = append(members[:min(len(members), mostCPUs)], f.anyCPU[0])
	}
	if len(members) > 1 {
		saids := make([]eroute.SAID, len(members))
		for i, s := range members {
			saids[i] = said(s)
		}
		if group, err := eroute.NewGroup(spread, saids...); err == nil {
			return group, true
		}
	}
	return said(f.anyCPU[0]), true
}

// newestByCPU returns the newest state of each CPU, by CPU.
func (f fitting) newestByCPU() []xfrm.State {
	states := slices.Clone(f.oneCPU)
	byCPU := func(x, y xfrm.State) int { return cmp.Compare(x.CPU, y.CPU) }
	slices.SortStableFunc(states, byCPU)
	return slices.CompactFunc(states, func(x, y xfrm.State) bool { return x.CPU == y.CPU })
}

// has reports whether there is a state of a CPU.
func (f fitting) has(cpu uint32) bool {
	return slices.ContainsFunc(f.oneCPU, func(s xfrm.State) bool { return s.CPU == cpu })
}
