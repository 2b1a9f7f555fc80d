// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// packet6 returns an IPv6 packet from 2001:db8::1 to 2001:db8::2 with the concatenated parts as payload.
func packet6(next uint8, parts ...[]byte) []byte {
	payload := slices.Concat(parts...)
	b := make([]byte, 40)
	b[0] = 0x60
	binary.BigEndian.PutUint16(b[4:], uint16(len(payload)))
	b[6], b[7] = next, 64
	src, dst := netip.MustParseAddr("2001:db8::1").As16(), netip.MustParseAddr("2001:db8::2").As16()
	copy(b[8:], src[:])
	copy(b[24:], dst[:])
	return append(b, payload...)
}

// ext returns an extension header of 8 bytes plus units of 8 bytes.
func ext(next, units uint8) []byte {
	b := make([]byte, 8*(int(units)+1))
	b[0], b[1] = next, units
	return b
}

// frag returns a fragment header; offset is in units of 8 bytes.
func frag(next uint8, offset uint16, more bool) []byte {
	b := make([]byte, 8)
	b[0], b[1] = next, 0xff // the second byte is reserved, no length
	field := offset << 3
	if more {
		field |= 1
	}
	binary.BigEndian.PutUint16(b[2:], field)
	return b
}

// chain returns n destination options headers, the last of which names the protocol last.
func chain(n int, last uint8) []byte {
	var b []byte
	for range n - 1 {
		b = append(b, ext(60, 0)...)
	}
	return append(b, ext(last, 0)...)
}

func TestParsePacket6(t *testing.T) {
	const (
		hbh, tcp, udp, routing, fragment, esp, ah = 0, 6, 17, 43, 44, 50, 51
		none, dst, mobility, hip, shim6           = 59, 60, 135, 139, 140
	)
	plain := packet6(tcp, portBytes)
	for _, tt := range []struct {
		name         string
		b            []byte
		proto        uint8
		sport, dport uint16
	}{
		{"tcp", plain, tcp, 1234, 80},
		{"udp", packet6(udp, portBytes), udp, 1234, 80},
		{"icmpv6", packet6(58, portBytes), 58, 0, 0},
		{"esp is a protocol", packet6(esp, portBytes), esp, 0, 0},
		{"ah is a protocol", packet6(ah, ext(tcp, 0), portBytes), ah, 0, 0},
		{"no next header is a protocol", packet6(none), none, 0, 0},
		{"experimental is a protocol", packet6(253, portBytes), 253, 0, 0},

		{"hop-by-hop", packet6(hbh, ext(tcp, 0), portBytes), tcp, 1234, 80},
		{"routing", packet6(routing, ext(tcp, 2), portBytes), tcp, 1234, 80},
		{"destination options", packet6(dst, ext(udp, 1), portBytes), udp, 1234, 80},
		{"mobility", packet6(mobility, ext(tcp, 0), portBytes), tcp, 1234, 80},
		{"hip", packet6(hip, ext(tcp, 0), portBytes), tcp, 1234, 80},
		{"shim6", packet6(shim6, ext(tcp, 0), portBytes), tcp, 1234, 80},
		{"longest header", packet6(dst, ext(tcp, 255), portBytes), tcp, 1234, 80},
		{
			"all of them in order",
			packet6(hbh, ext(dst, 0), ext(routing, 0), ext(fragment, 1), frag(dst, 0, true), ext(tcp, 0), portBytes),
			tcp, 1234, 80,
		},
		{"extension before esp", packet6(dst, ext(esp, 0), portBytes), esp, 0, 0},

		{"hop-by-hop second", packet6(dst, ext(hbh, 0), ext(tcp, 0), portBytes), 0, 0, 0},
		{"hop-by-hop twice", packet6(hbh, ext(hbh, 0), ext(tcp, 0), portBytes), 0, 0, 0},
		{"8 headers", packet6(dst, chain(8, tcp), portBytes), tcp, 1234, 80},
		{"9 headers", packet6(dst, chain(9, tcp), portBytes), 0, 0, 0},
		{"8 headers, the last a fragment", packet6(dst, chain(7, fragment), frag(tcp, 0, true), portBytes), tcp, 1234, 80},
		{"9 headers, the last a fragment", packet6(dst, chain(8, fragment), frag(tcp, 7, true), portBytes), 0, 0, 0},
		{"nothing after the fixed header", packet6(dst), 0, 0, 0},
		{"header cut short within 8 bytes", packet6(dst, ext(tcp, 0)[:7]), 0, 0, 0},
		{"header cut short beyond 8 bytes", packet6(dst, ext(tcp, 1)[:15]), 0, 0, 0},
		{"header cut short by the end of the buffer", with(packet6(dst, ext(tcp, 1)[:15]), 4, 0, 20), 0, 0, 0},
		{"header beyond the payload length", with(packet6(dst, ext(tcp, 1), portBytes), 4, 0, 15), 0, 0, 0},
		{"second header cut short", packet6(hbh, ext(dst, 0), ext(tcp, 0)[:4]), 0, 0, 0},

		{"unfragmented, with a fragment header", packet6(fragment, frag(tcp, 0, false), portBytes), tcp, 1234, 80},
		{"first fragment", packet6(fragment, frag(udp, 0, true), portBytes), udp, 1234, 80},
		{"middle fragment", packet6(fragment, frag(udp, 1, true), portBytes), udp, 0, 0},
		{"last fragment", packet6(fragment, frag(udp, 0x1fff, false), portBytes), udp, 0, 0},
		{"other fragment of icmpv6", packet6(fragment, frag(58, 9, false), portBytes), 58, 0, 0},
		{"other fragment after hop-by-hop", packet6(hbh, ext(fragment, 0), frag(udp, 1, true), portBytes), udp, 0, 0},
		{"other fragment that starts in the chain", packet6(fragment, frag(dst, 1, true), ext(tcp, 0), portBytes), 0, 0, 0},
		{"other fragment without payload", packet6(fragment, frag(udp, 1, true)), udp, 0, 0},
		{"first fragment that ends in the chain", packet6(fragment, frag(dst, 0, true), ext(tcp, 0)[:4]), 0, 0, 0},
		{"fragment header cut short", packet6(fragment, frag(udp, 0, true)[:7]), 0, 0, 0},

		{"ports cut short", packet6(tcp, portBytes[:3]), tcp, 0, 0},
		{"ports beyond the payload length", with(plain, 4, 0, 3), tcp, 0, 0},
		{"payload length over what is there", with(plain, 4, 255, 255), tcp, 1234, 80},
		{"payload length 0, as of a packet over 64 KiB", with(plain, 4, 0, 0), tcp, 1234, 80},
		{"chain ends, no transport header", packet6(dst, ext(tcp, 0)), tcp, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := eroute.ParsePacket(tt.b)
			want := pkt("2001:db8::1", "2001:db8::2", tt.proto, tt.sport, tt.dport)
			if err != nil || got != want {
				t.Errorf("ParsePacket = %v, %v, want %v", got, err, want)
			}
		})
	}
}

func TestParsePacketKeepsMapped(t *testing.T) {
	b := packet6(6, portBytes)
	mapped := netip.MustParseAddr("::ffff:192.0.2.1").As16()
	copy(b[8:], mapped[:])
	got, err := eroute.ParsePacket(b)
	want := pkt("::ffff:192.0.2.1", "2001:db8::2", 6, 1234, 80)
	if err != nil || got != want {
		t.Errorf("ParsePacket = %v, %v, want %v", got, err, want)
	}
}
