// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"slices"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
)

// The IPv6 headers that the parser skips to find the protocol.
const (
	hopByHop = 0
	routing  = 43
	fragment = 44
	destOpts = 60
	mobility = 135
	hip      = 139
	shim6    = 140
)

// link6 is one extension header of a chain: its type, its length beyond the first eight bytes in units of eight
// bytes, and the offset and more-fragments flag of a fragment header.
type link6 struct {
	typ, units byte
	fragment   uint16
}

// chain6 returns the bytes after the fixed header: extension headers, then the payload of this protocol.
func chain6(links []link6, proto byte, payload []byte) []byte {
	var b []byte
	for i, l := range links {
		next := proto
		if i+1 < len(links) {
			next = links[i+1].typ
		}
		h := make([]byte, 8*(int(l.units)+1))
		h[0], h[1] = next, l.units
		if l.typ == fragment {
			h = []byte{next, 0, byte(l.fragment >> 8), byte(l.fragment), 0, 0, 0, 1}
		}
		b = append(b, h...)
	}
	return append(b, payload...)
}

func packet6(t *testing.T, links []link6, proto byte, payload []byte) []byte {
	t.Helper()
	first := proto
	if len(links) > 0 {
		first = links[0].typ
	}
	return serialize(t, header6(layers.IPProtocol(first)), gopacket.Payload(chain6(links, proto, payload)))
}

func fixtures6(t *testing.T) []fixture {
	const tcp, udp, icmp6, esp, ah, none = 6, 17, 58, 50, 51, 59
	const more, second = 1, 8
	of := func(types ...byte) (links []link6) {
		for _, typ := range types {
			links = append(links, link6{typ: typ})
		}
		return links
	}
	ports := func(name string, links []link6, proto byte) fixture {
		return fixture{name: "v6 " + name, packet: packet6(t, links, proto, transport), proto: proto, sport: 1701, dport: 53}
	}
	plain := func(name string, links []link6, proto, want byte) fixture {
		return fixture{name: "v6 " + name, packet: packet6(t, links, proto, transport), proto: want}
	}
	raw := func(name string, packet []byte, proto byte) fixture {
		return fixture{name: "v6 " + name, packet: packet, proto: proto}
	}
	notIP := func(name string, packet []byte) fixture {
		return fixture{name: "v6 " + name, packet: packet, notIP: true}
	}
	whole := packet6(t, nil, tcp, transport)
	long := packet6(t, []link6{{typ: destOpts, units: 1}}, tcp, transport)
	full := slices.Repeat(of(destOpts), 8)
	open := fixture{name: "v6 payload length unknown", packet: edit(slices.Clone(whole), 4, 0, 0), proto: tcp, sport: 1701, dport: 53}
	return []fixture{
		ports("tcp", nil, tcp), ports("udp", nil, udp),
		plain("icmp", nil, icmp6, icmp6), plain("esp", nil, esp, esp), plain("ah", nil, ah, ah),
		plain("no next header", nil, none, none), plain("protocol 255", nil, 255, 255),
		ports("hop-by-hop options", of(hopByHop), udp),
		ports("routing header", []link6{{typ: routing, units: 2}}, tcp),
		ports("destination options", of(destOpts), udp),
		ports("mobility", of(mobility), tcp), ports("hip", of(hip), tcp), ports("shim6", of(shim6), tcp),
		ports("all of them", of(hopByHop, destOpts, routing, fragment, mobility, hip, shim6, destOpts), tcp),
		ports("longest header", []link6{{typ: destOpts, units: 255}}, tcp),
		ports("eight headers", full, tcp),
		plain("eight headers before ah", full, ah, ah),
		plain("nine headers", append(of(destOpts), full...), tcp, 0),
		plain("nine headers, the last a fragment", append(slices.Clone(full), link6{typ: fragment, fragment: second}), tcp, 0),
		ports("eight headers, the last a first fragment", append(slices.Clone(full[1:]), link6{typ: fragment, fragment: more}), tcp),
		plain("eight headers, the last a later fragment", append(slices.Clone(full[1:]), link6{typ: fragment, fragment: second}), tcp, tcp),
		plain("hop-by-hop second", of(destOpts, hopByHop), tcp, 0),
		plain("hop-by-hop twice", of(hopByHop, hopByHop), tcp, 0),
		ports("whole in a fragment header", of(fragment), udp),
		ports("first fragment", []link6{{typ: fragment, fragment: more}}, udp),
		plain("second fragment", []link6{{typ: fragment, fragment: second | more}}, udp, udp),
		plain("last fragment", []link6{{typ: fragment, fragment: 0xfff8}}, udp, udp),
		ports("reserved bits of a fragment header", []link6{{typ: fragment, fragment: 6}}, udp),
		plain("later fragment of icmp", []link6{{typ: hopByHop}, {typ: fragment, fragment: second}}, icmp6, icmp6),
		plain("later fragment within the chain", []link6{{typ: fragment, fragment: second}, {typ: destOpts}}, tcp, 0),
		ports("first fragment, then options", []link6{{typ: fragment, fragment: more}, {typ: destOpts}}, tcp),
		plain("esp after options", of(hopByHop, destOpts), esp, esp),
		plain("ah ends the chain", of(hopByHop), ah, ah),
		open,
		raw("chain that ends the packet", packet6(t, of(destOpts), tcp, nil), tcp),
		raw("no payload", packet6(t, nil, udp, nil), udp),
		raw("ports cut short", packet6(t, nil, tcp, transport[:3]), tcp),
		raw("ports beyond the payload length", edit(slices.Clone(whole), 4, 0, 3), tcp),
		raw("options missing", packet6(t, of(destOpts), tcp, nil)[:40], 0),
		raw("options cut short in the first eight bytes", long[:40+7], 0),
		raw("options cut short after them", long[:40+15], 0),
		raw("options beyond the payload length", edit(slices.Clone(long), 4, 0, 15), 0),
		raw("options longer than the packet, length unknown", edit(slices.Clone(long), 4, 0, 0, destOpts, 64)[:40+12], 0),
		raw("fragment header cut short", packet6(t, of(fragment), udp, nil)[:40+7], 0),
		raw("later fragment without payload", packet6(t, []link6{{typ: fragment, fragment: second}}, udp, nil), udp),
		notIP("version 7", edit(slices.Clone(whole), 0, 0x70)),
		notIP("header cut short", whole[:39]),
		notIP("one byte", whole[:1]),
	}
}
