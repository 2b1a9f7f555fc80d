// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"net"
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// gatherAllowed finds out which devices have lost the policies that let packets reach them.
func (f *Facts) gatherAllowed(h *xfrm.Handle) error {
	for i := range f.Devices {
		d := &f.Devices[i]
		link, err := net.InterfaceByName(d.Virtual)
		if err != nil || d.Kind != device.KindXFRM {
			continue // it is gone, or needs none
		}
		allowed, err := h.IsAllowed(link.Index)
		if err != nil {
			return err
		}
		d.Flushed = !allowed
	}
	return nil
}

// judge says what is to be known of an SA beside whether its state is there.
func (sa *SA) judge(state xfrm.State, missing error, spans []xfrm.Span, states xfrm.States, bound map[uint32]xfrm.Binding) {
	if errors.Is(missing, xfrm.ErrNoState) {
		sa.Moved = movedTo(sa, states)
	}
	if missing != nil || !sa.Usable {
		return
	}
	for _, family := range []xfrm.Families{xfrm.IPv4, xfrm.IPv6} {
		if family&sa.Inner&state.Inner != 0 && bound[sa.IfID].Families&family == 0 {
			sa.Lost |= family
		}
	}
	for i := range spans {
		if spans[i].StateKey == state.StateKey {
			sa.Spent = spans[i].Spent()
		}
	}
}

// movedTo returns the destination of a state that was migrated: it keeps its SPI, and an if_id of ours, which
// changes if eroutes name it by its new SAID already.
func movedTo(sa *SA, states xfrm.States) netip.Addr {
	for key, s := range states {
		if key.SPI == sa.SAID.SPI && xfrm.Ours(s.IfID) {
			return key.Dst
		}
	}
	return netip.Addr{}
}
