// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// The kernel loses what comes in by IPv4 SAs in transport mode while there is a collect-metadata XFRM
// interface (xfrm4_rcv_encap_finish, net/ipv4/xfrm4_input.c), unless GRO has handed the packet over
// before.
var inboundCheck = check{"inbound", "what comes in by SAs in transport mode gets through", lives, func(f *Facts) (found []Finding) {
	if len(f.Devices) == 0 || f.Devices[0].Kind != device.KindXFRM {
		return nil
	}
	for _, l := range f.Lives {
		if l.Mode != xfrm.ModeTransport || !l.Dst.Is4() || !f.Own[l.Dst] {
			continue
		}
		problem := func(why, remedy string) {
			found = append(found, Finding{
				Level: Problem, Subject: l.StateKey.String(),
				Text:   fmt.Sprintf("IPv4 packets that come in by %s, in transport mode, are lost: %s", l.StateKey, why),
				Cost:   "the kernel loses them as long as the ipsec device exists",
				Remedy: remedy,
			})
		}
		switch gro := f.withoutGRO(); {
		case l.Proto != unix.IPPROTO_ESP:
			problem("GRO takes ESP only", "use ESP, tunnel mode or IPv6")
		case l.Outer.Proto != 0:
			problem("GRO does not take ESP in UDP", "use tunnel mode or IPv6")
		case !f.ESP4Offload:
			problem("esp4_offload is not loaded", "modprobe esp4_offload, and GRO for the interface that they come in by")
		case gro != "":
			problem(fmt.Sprintf("GRO of %s is off", gro), fmt.Sprintf("ethtool -K %s gro on", gro))
		}
	}
	return found
}}

// withoutGRO is a physical interface that does not merge packets; "" if all do.
func (f *Facts) withoutGRO() string {
	for _, in := range f.Interfaces {
		if in.Physical && in.Exists && !in.GRO {
			return in.Name
		}
	}
	return ""
}
