// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"net"
	"slices"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// fixture is an IP packet and the fields that selectors compare.
type fixture struct {
	name         string
	packet       []byte
	proto        uint8
	sport, dport uint16
	notIP        bool
}

// serialize makes a packet from layers and fills in lengths and checksums.
func serialize(t *testing.T, packet ...gopacket.SerializableLayer) []byte {
	t.Helper()
	buf := gopacket.NewSerializeBuffer()
	options := gopacket.SerializeOptions{FixLengths: true, ComputeChecksums: true}
	if err := gopacket.SerializeLayers(buf, options, packet...); err != nil {
		t.Fatal(err)
	}
	return slices.Clone(buf.Bytes())
}

func header4(proto layers.IPProtocol, change ...func(*layers.IPv4)) *layers.IPv4 {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: proto,
		SrcIP: net.IPv4(192, 0, 2, 1).To4(), DstIP: net.IPv4(192, 0, 1, 1).To4()}
	for _, c := range change {
		c(ip)
	}
	return ip
}

func header6(next layers.IPProtocol) *layers.IPv6 {
	return &layers.IPv6{Version: 6, HopLimit: 64, NextHeader: next,
		SrcIP: net.ParseIP("2001:db8:2::1"), DstIP: net.ParseIP("2001:db8:1::1")}
}

// transport is the start of a TCP or UDP header with the ports 1701 and 53.
var transport = gopacket.Payload{0x06, 0xa5, 0, 53, 0, 8, 0, 0}

// edit changes bytes of a packet in place.
func edit(packet []byte, offset int, bytes ...byte) []byte {
	copy(packet[offset:], bytes)
	return packet
}

func fixtures4(t *testing.T) []fixture {
	const tcp, udp, icmp, esp, ah = 6, 17, 1, 50, 51
	fragment := func(offset uint16, flags layers.IPv4Flag) func(*layers.IPv4) {
		return func(ip *layers.IPv4) { ip.FragOffset, ip.Flags = offset, flags }
	}
	options := func(lengths ...int) func(*layers.IPv4) {
		return func(ip *layers.IPv4) {
			for _, n := range lengths { // record route: type 7
				ip.Options = append(ip.Options, layers.IPv4Option{OptionType: 7, OptionLength: uint8(n), OptionData: make([]byte, n-2)})
			}
		}
	}
	make4 := func(proto layers.IPProtocol, payload []byte, change ...func(*layers.IPv4)) []byte {
		return serialize(t, header4(proto, change...), gopacket.Payload(payload))
	}
	ports := func(name string, packet []byte, proto uint8) fixture {
		return fixture{name: name, packet: packet, proto: proto, sport: 1701, dport: 53}
	}
	plain := func(name string, packet []byte, proto uint8) fixture {
		return fixture{name: name, packet: packet, proto: proto}
	}
	notIP := func(name string, packet []byte) fixture {
		return fixture{name: name, packet: packet, notIP: true}
	}
	whole := func() []byte { return make4(tcp, transport) }
	return []fixture{
		ports("v4 tcp", whole(), tcp),
		ports("v4 udp", make4(udp, transport), udp),
		plain("v4 icmp", make4(icmp, transport), icmp),
		plain("v4 esp", make4(esp, transport), esp),
		plain("v4 ah", make4(ah, transport), ah),
		plain("v4 sctp has no ports here", make4(132, transport), 132),
		plain("v4 protocol 0", make4(0, transport), 0),
		plain("v4 protocol 255", make4(255, transport), 255),
		ports("v4 options of 4 bytes", make4(udp, transport, options(4)), udp),
		ports("v4 options of 40 bytes", make4(tcp, transport, options(39)), tcp),
		plain("v4 options and a later fragment", make4(tcp, transport, options(8), fragment(1, 0)), tcp),
		ports("v4 first fragment", make4(udp, transport, fragment(0, layers.IPv4MoreFragments)), udp),
		ports("v4 must not be fragmented", make4(udp, transport, fragment(0, layers.IPv4DontFragment)), udp),
		plain("v4 second fragment", make4(udp, transport, fragment(1, layers.IPv4MoreFragments)), udp),
		plain("v4 last fragment", make4(udp, transport, fragment(8191, 0)), udp),
		plain("v4 header only", make4(tcp, nil), tcp),
		plain("v4 ports cut short", make4(tcp, transport[:3]), tcp),
		ports("v4 ports and no more", make4(tcp, transport[:4]), tcp),
		plain("v4 ports beyond the total length", edit(whole(), 2, 0, 23), tcp),
		plain("v4 total length less than the header", edit(whole(), 2, 0, 19), tcp),
		ports("v4 total length more than there is", edit(whole(), 2, 0xff, 0xff), tcp),
		ports("v4 total length unknown", edit(whole(), 2, 0, 0), tcp),
		ports("v4 bad checksum", edit(whole(), 10, 0, 0), tcp),
		notIP("v4 version 5", edit(whole(), 0, 0x55)),
		notIP("v4 version 0", edit(whole(), 0, 0x05)),
		notIP("v4 header length 16", edit(whole(), 0, 0x44)),
		notIP("v4 header length 0", edit(whole(), 0, 0x40)),
		notIP("v4 header longer than the packet", edit(whole(), 0, 0x48)),
		notIP("v4 one byte", whole()[:1]),
		notIP("v4 header cut short", whole()[:19]),
	}
}
