// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// header is an IP header of either family; change, if not nil, changes IPv4's.
func header(src, dst netip.Addr, proto layers.IPProtocol, change func(*layers.IPv4)) gopacket.SerializableLayer {
	if src.Is6() {
		return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: proto, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	}
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: proto, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	if change != nil {
		change(ip)
	}
	return ip
}

// build serialises an IP packet.
func build(t *testing.T, packet ...gopacket.SerializableLayer) []byte {
	t.Helper()
	b, err := lab.Build(packet...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// udpPacket is a complete IP packet with a UDP datagram.
func udpPacket(t *testing.T, src, dst netip.AddrPort) []byte {
	t.Helper()
	return build(t, header(src.Addr(), dst.Addr(), layers.IPProtocolUDP, nil),
		&layers.UDP{SrcPort: layers.UDPPort(src.Port()), DstPort: layers.UDPPort(dst.Port())}, gopacket.Payload("payload"))
}

// unreachable is an ICMP port unreachable error, of the family of its addresses.
func unreachable(t *testing.T, src, dst netip.Addr) []byte {
	t.Helper()
	quoted := gopacket.Payload(udpPacket(t, netip.AddrPortFrom(dst, 53), netip.AddrPortFrom(src, 53)))
	if src.Is6() {
		return build(t, header(src, dst, layers.IPProtocolICMPv6, nil),
			&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeDestinationUnreachable, 4)},
			append(gopacket.Payload{0, 0, 0, 0}, quoted...))
	}
	return build(t, header(src, dst, layers.IPProtocolICMPv4, nil),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(layers.ICMPv4TypeDestinationUnreachable, 3)}, quoted)
}

// laterFragment is the second fragment of a UDP packet.
func laterFragment(t *testing.T, src, dst netip.Addr) []byte {
	t.Helper()
	if src.Is6() {
		return build(t, header(src, dst, layers.IPProtocolIPv6Fragment, nil), gopacket.Payload{17, 0, 0, 8, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8})
	}
	return build(t, header(src, dst, layers.IPProtocolUDP, func(ip *layers.IPv4) { ip.FragOffset = 1 }), gopacket.Payload{1, 2, 3, 4, 5, 6, 7, 8})
}

// sendIP sends a packet from EastHost to East unchanged.
func (g *gateway) sendIP(t *testing.T, packet []byte) {
	t.Helper()
	if err := g.EastHost.SendIP(lab.Eth0, packet); err != nil {
		t.Fatal(err)
	}
}
