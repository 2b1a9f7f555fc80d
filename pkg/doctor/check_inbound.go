// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// inboundCheck reports interfaces with GRO off. The kernel loses inbound packets of IPv4 SAs in transport mode
// while there is a collect-metadata XFRM interface, unless GRO has received them: see pkg/device/gro.go, with
// which attach turns GRO on.
var inboundCheck = check{"inbound", "inbound packets of SAs in transport mode reach the gateway", usages, func(f *Facts) (found []Finding) {
	if len(f.Devices) == 0 || f.Devices[0].Kind != device.KindXFRM {
		return nil
	}
	for _, u := range f.Usages {
		if u.Mode != xfrm.ModeTransport || !u.Dst.Is4() || !f.Own[u.Dst] {
			continue
		}
		add := func(level Level, text, remedy string) {
			found = append(found, Finding{
				Level: level, Subject: u.StateKey.String(),
				Text:   fmt.Sprintf("inbound IPv4 packets of %s, in transport mode, are lost%s", u.StateKey, text),
				Cost:   "the kernel loses them while the ipsec device exists",
				Remedy: remedy,
			})
		}
		without, limit := f.withoutGRO()
		switch inner := f.innerOf(&u); {
		case inner == unix.IPPROTO_COMP:
			add(Problem, " if they belong to a bundle with IPComp in tunnel mode: those that IPComp did not make smaller or, where GRO receives ESP, the others",
				"use tunnel mode for all SAs of the bundle, or IPv6")
		case inner != 0 && f.hasBundleTo(u.Src):
			add(Note, " unless they belong to a bundle with an SA in tunnel mode", "use ESP, tunnel mode or IPv6 for others")
		case u.Proto != unix.IPPROTO_ESP:
			add(Problem, ": GRO receives ESP only", "use ESP, tunnel mode or IPv6")
		case u.Outer.Proto != 0:
			add(Problem, ": GRO does not receive ESP in UDP", "use tunnel mode or IPv6")
		case u.HasMark():
			add(Problem, ": GRO does not find SAs with a mark", "use an SA without a mark, tunnel mode or IPv6")
		case !f.ESP4Offload:
			add(Problem, ": the module esp4_offload is not loaded, or this kernel has none", "modprobe esp4_offload; without CONFIG_INET_ESP_OFFLOAD use tunnel mode or IPv6")
		case without != nil:
			add(Problem, ": GRO is off for "+strings.Join(without, ", "), "ethtool -K "+without[0]+" gro on")
		case limit != "":
			add(Note, " if GRO does not receive them, and if they are fragments: "+limit, "use tunnel mode or IPv6")
		default:
			add(Note, " if they are fragments", "make the sender's packets smaller (MTU, MSS)")
		}
	}
	return found
}}

// innerOf returns the protocol of an SA in tunnel mode that can be in a bundle before an SA in transport mode, between the
// same addresses; 0: there is none.
func (f *Facts) innerOf(u *xfrm.Usage) (proto uint8) {
	order := []uint8{unix.IPPROTO_COMP, unix.IPPROTO_ESP, unix.IPPROTO_AH}
	for i := range f.Usages {
		v := &f.Usages[i]
		if v.Mode == xfrm.ModeTunnel && v.Src == u.Src && v.Dst == u.Dst && slices.Index(order, v.Proto) < slices.Index(order, u.Proto) {
			if proto = v.Proto; proto == unix.IPPROTO_COMP {
				break
			}
		}
	}
	return proto
}

// withoutGRO returns the interfaces on which packets for the gateway arrive and whose GRO is off, and the reason
// why GRO may not receive all packets where it is on.
func (f *Facts) withoutGRO() (names []string, limit string) {
	for _, in := range f.Interfaces {
		names = append(names, in.WithoutGRO...)
		if limit == "" {
			limit = in.LimitOfGRO
		}
	}
	return names, limit
}

// hasBundleTo reports whether eroutes name a bundle to a peer: it then probably sends bundles, too.
func (f *Facts) hasBundleTo(peer netip.Addr) bool {
	return slices.ContainsFunc(f.SAs, func(sa SA) bool { return sa.SAID.IsBundle() && sa.SAID.Dst == peer })
}
