// SPDX-License-Identifier: Apache-2.0

package fib

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// outputNetlink looks up a route with rtnetlink.
func outputNetlink(p Packet) (Hop, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_REQUEST)
	msg := &nl.RtMsg{}
	msg.Family, msg.Dst_len = family(p.Dst), uint8(p.Dst.BitLen())
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, p.Dst.AsSlice()))
	if p.Src.IsValid() && !p.Src.IsUnspecified() {
		msg.Src_len = uint8(p.Src.BitLen())
		req.AddData(nl.NewRtAttr(unix.RTA_SRC, p.Src.AsSlice()))
	}
	if p.Mark != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_MARK, nl.Uint32Attr(p.Mark)))
	}
	if slices.Contains([]uint8{unix.IPPROTO_TCP, unix.IPPROTO_UDP}, p.Proto) { // rtnetlink refuses most others
		req.AddData(nl.NewRtAttr(unix.RTA_IP_PROTO, []byte{p.Proto}))
		req.AddData(nl.NewRtAttr(unix.RTA_SPORT, binary.BigEndian.AppendUint16(nil, p.SrcPort)))
		req.AddData(nl.NewRtAttr(unix.RTA_DPORT, binary.BigEndian.AppendUint16(nil, p.DstPort)))
	}
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE)
	if isNoRoute(err) {
		return Hop{}, ErrNoRoute
	}
	if err != nil || len(msgs) != 1 {
		return Hop{}, fmt.Errorf("look up route to %s: %w", p.Dst, err)
	}
	if nl.DeserializeRtMsg(msgs[0]).Type != unix.RTN_UNICAST {
		return Hop{}, ErrNoRoute
	}
	attrs, err := nl.ParseRouteAttr(msgs[0][unix.SizeofRtMsg:])
	if err != nil {
		return Hop{}, fmt.Errorf("parse route: %w", err)
	}
	var hop Hop
	for _, a := range attrs {
		switch {
		case a.Attr.Type == unix.RTA_OIF && len(a.Value) == 4:
			hop.Ifindex = int(binary.NativeEndian.Uint32(a.Value))
		case a.Attr.Type == unix.RTA_GATEWAY:
			hop.Via, _ = netip.AddrFromSlice(a.Value)
		case a.Attr.Type == unix.RTA_VIA && len(a.Value) > 2:
			hop.Via, _ = netip.AddrFromSlice(a.Value[2:])
		}
	}
	return hop, nil
}
