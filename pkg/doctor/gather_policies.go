// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"errors"
	"net"
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// gatherAllowed finds the devices that have lost the policies that admit packets to them.
func (f *Facts) gatherAllowed(h *xfrm.Handle) error {
	for i := range f.Devices {
		d := &f.Devices[i]
		link, err := net.InterfaceByName(d.Virtual)
		if err != nil || !d.Allowed {
			continue // missing, or needs no policy
		}
		allowed, err := h.IsAllowed(link.Index)
		if err != nil {
			return err
		}
		d.Flushed = !allowed
	}
	return nil
}

// refused returns why no eroute of an SA can use a state: it is bound to a CPU, and no group by CPU has the SA.
func (sa *SA) refused(state xfrm.State) error {
	if sa.ByCPU {
		return nil
	}
	return state.ForAnyCPU()
}

// judge collects the facts of an SA other than the existence of its state.
func (sa *SA) judge(state xfrm.State, missing error, usages []xfrm.Usage, states xfrm.States, bound map[uint32]xfrm.Binding) {
	if errors.Is(missing, xfrm.ErrNoState) {
		sa.Moved = movedTo(sa, states)
		for _, part := range sa.SAID.Bundle() {
			if _, err := states.Find(part); errors.Is(err, xfrm.ErrNoState) {
				sa.Absent = append(sa.Absent, part.String())
			}
		}
	}
	if missing != nil || !sa.Usable {
		return
	}
	sa.OneCPU = state.OneCPU
	for _, family := range []xfrm.Families{xfrm.IPv4, xfrm.IPv6} {
		if family&sa.Inner&state.Inner != 0 && bound[sa.IfID].Families&family == 0 {
			sa.Lost |= family
		}
	}
	for _, part := range state.Bundle() {
		for i := range usages {
			if usages[i].StateKey == part.StateKey {
				sa.Spent = cmp.Or(sa.Spent, usages[i].Spent())
			}
		}
	}
}

// movedTo returns the destination of a migrated state. It keeps its SPI and an if_id of ours; the if_id differs if
// eroutes already name the state by its new SAID.
func movedTo(sa *SA, states xfrm.States) netip.Addr {
	for key, s := range states {
		if key.SPI == sa.SAID.SPI && key.Dst != sa.SAID.Dst && xfrm.Ours(s.IfID) {
			return key.Dst
		}
	}
	return netip.Addr{}
}
