// SPDX-License-Identifier: Apache-2.0

package frames

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"slices"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Results of programs (include/uapi/linux/bpf.h, pkt_cls.h).
const (
	xdpDrop, xdpPass   = 1, 2
	tcNext             = 1<<32 - 1
	tcDrop, tcRedirect = 2, 7
	mtuOfLink          = 1500
)

// own4 and own6 are addresses of the gateway that a disguised packet can have.
var own4, own6 = netip.MustParseAddr("8.0.0.1"), netip.MustParseAddr("2001:db8:86dd::1")

// origin is the source of a packet on the ipsec device. A packet without an input interface may be from a
// local socket, but also a fragment of a forwarded one that was reassembled and fragmented again, or one that
// the relay re-sends; a test run's socket is not a key manager's.
type origin int

const (
	forwarded origin = iota
	fromNoInterface
	byXFRM
	forwardedByXFRM // XFRM has encapsulated what arrived on an interface
	origins
)

// verdict is a hook's result for a frame.
type verdict struct {
	ret      uint32
	handover bool // XDP marks the packet as inspected
	answered bool // it may have become the answer to itself
}

func (v verdict) kind() int32 { return int32(v.ret) }

// amounts are packets and bytes.
type amounts struct{ packets, bytes uint64 }

// oracle implements the rules, and counts.
type oracle struct {
	table   *eroute.Linear
	mac     net.HardwareAddr // of lan and its VLANs
	reasons map[string]amounts
	eroutes map[eroute.Selector]amounts
}

func newOracle(table *eroute.Linear, mac net.HardwareAddr) *oracle {
	return &oracle{table, mac, map[string]amounts{}, map[eroute.Selector]amounts{}}
}

func (o *oracle) count(reason string, e *eroute.Eroute, bytes int) {
	a := o.reasons[reason]
	o.reasons[reason] = amounts{a.packets + 1, a.bytes + uint64(bytes)}
	if e != nil {
		a = o.eroutes[e.Selector]
		o.eroutes[e.Selector] = amounts{a.packets + 1, a.bytes + uint64(bytes)}
	}
}

// met is the eroute that matches a packet, nil if none.
func (o *oracle) met(p eroute.Packet) *eroute.Eroute {
	if e, found := o.table.Lookup(p); found {
		return &e
	}
	return nil
}

// isRouted reports whether routing sends a packet into the ipsec device, unfragmented.
func (s seen) isRouted() bool {
	dst := s.packet.Dst
	return (lab.WestLAN4.Contains(dst) || lab.WestLAN6.Contains(dst)) && s.length <= mtuOfLink
}

// early is the fast path's result for a packet that is routed into the ipsec device.
func (o *oracle) early(s seen) (end, answer bool) {
	switch e := o.met(s.packet); {
	case e == nil:
		o.count("no-eroute", nil, s.length)
		return true, false
	case e.SAID == eroute.Drop:
		o.count("drop", e, s.length)
		return true, false
	case e.SAID == eroute.Reject && s.laterFragment:
		o.count("reject", e, s.length)
		return true, false
	case e.SAID == eroute.Reject:
		return false, true
	}
	return false, false
}

// untag removes up to two VLAN tags from a frame that contains them completely.
func untag(frame []byte) (tags [2]uint16, typ uint16, packet []byte, ok bool) {
	typ, packet = binary.BigEndian.Uint16(frame[12:]), frame[14:]
	for i := range tags {
		if typ != 0x8100 && typ != 0x88a8 {
			break
		}
		if len(packet) < 4 {
			return tags, typ, packet, false
		}
		tags[i] = binary.BigEndian.Uint16(packet) & 0xfff
		typ, packet = binary.BigEndian.Uint16(packet[2:]), packet[4:]
	}
	return tags, typ, packet, true
}

// xdp is the result of lan's XDP program for a frame.
func (o *oracle) xdp(frame []byte) verdict {
	tags, typ, packet, ok := untag(frame)
	if !ok || !bytes.Equal(frame[:6], o.mac) || !slices.Contains(vlans, tags) {
		return verdict{ret: xdpPass}
	}
	s := look(typ, packet)
	if !s.isForwarded(len(packet)) || !s.isRouted() {
		return verdict{ret: xdpPass, handover: true}
	}
	switch end, answer := o.early(s); {
	case end:
		return verdict{ret: xdpDrop}
	case answer:
		return verdict{ret: xdpPass}
	}
	return verdict{ret: xdpPass, handover: true}
}

// tc is the result of lan's TC program for a frame, with its tags in it.
func (o *oracle) tc(frame []byte) verdict {
	s := look(binary.BigEndian.Uint16(frame[12:]), frame[14:])
	if !bytes.Equal(frame[:6], o.mac) || !s.isForwarded(len(frame)-14) || !s.isRouted() {
		return verdict{ret: tcNext}
	}
	switch end, answer := o.early(s); {
	case end:
		return verdict{ret: tcDrop}
	case answer:
		o.count("reject", o.met(s.packet), s.length)
		return rejected(s.permitsError(frame[14:]))
	}
	return verdict{ret: tcNext}
}

// rejected is the verdict on a rejected packet.
func rejected(answered bool) verdict {
	if answered {
		return verdict{ret: tcRedirect, answered: true}
	}
	return verdict{ret: tcDrop}
}

// hasOwnSource reports whether a source may be a local address: routing has no other host with it, or is not
// asked, for IPv6 packets from or to link-local or multicast addresses.
func (s seen) hasOwnSource() bool {
	src, dst := s.packet.Src, s.packet.Dst
	return src == own4 || src == own6 || src.Is6() &&
		(isGroup(src) || isLinkLocal6(src) || isGroup(dst) || isLinkLocal6(dst))
}

// egress is the ipsec device's result for a disguised packet.
func (o *oracle) egress(packet []byte, from origin) verdict {
	s := look(binary.BigEndian.Uint16(packet[12:]), packet)
	if !s.isIP {
		o.count("not-ip", nil, len(packet))
		return verdict{ret: tcDrop}
	}
	size := s.length
	if size == 0 {
		size = len(packet)
	}
	e := o.met(s.packet)
	if s.hasOwnSource() && (from == byXFRM || from == forwardedByXFRM) && s.isKeyExchange() && yields(e, s.packet) {
		o.count("key-exchange", nil, size)
		return verdict{ret: tcRedirect}
	}
	if e == nil {
		o.count("no-eroute", nil, size)
		return verdict{ret: tcDrop}
	}
	switch e.SAID.Action() {
	case eroute.ActionPass:
		o.count("pass", e, size)
		return verdict{ret: tcRedirect}
	case eroute.ActionReject:
		o.count("reject", e, size)
		return rejected(s.permitsError(packet))
	case eroute.ActionDrop:
		o.count("drop", e, size)
	case eroute.ActionHold:
		o.count("hold-not-stored", e, size)
	case eroute.ActionSA, eroute.ActionXFRM:
		o.count("no-xfrm", e, size)
	default:
		o.count("trap-no-relay", e, size)
	}
	return verdict{ret: tcDrop}
}

// yields reports whether an eroute lets local IKE and ESP pass.
func yields(e *eroute.Eroute, p eroute.Packet) bool {
	return e == nil || e.SAID != eroute.Drop && (e.SAID.Action() != eroute.ActionSA || e.SAID.Dst == p.Dst)
}
