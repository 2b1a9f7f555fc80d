// SPDX-License-Identifier: Apache-2.0

package eroute_test

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

var (
	portBytes = []byte{0x04, 0xd2, 0x00, 0x50} // 1234, 80
	src4      = []byte{192, 0, 2, 1}
	dst4      = []byte{198, 51, 100, 2}
)

// packet4 returns an IPv4 packet from 192.0.2.1 to 198.51.100.2. options is
// padded to 4 bytes, fragment is the field with flags and offset.
func packet4(proto uint8, fragment uint16, options, payload []byte) []byte {
	options = append(slices.Clone(options), make([]byte, -len(options)&3)...)
	b := make([]byte, 20, 64)
	b[0] = 0x40 | byte(5+len(options)/4)
	binary.BigEndian.PutUint16(b[2:], uint16(20+len(options)+len(payload)))
	binary.BigEndian.PutUint16(b[6:], fragment)
	b[8], b[9] = 64, proto
	copy(b[12:], src4)
	copy(b[16:], dst4)
	return slices.Concat(b, options, payload)
}

// with returns b with the bytes at offset replaced.
func with(b []byte, offset int, bytes ...byte) []byte {
	b = slices.Clone(b)
	copy(b[offset:], bytes)
	return b
}

func TestParsePacket4(t *testing.T) {
	tcp := packet4(6, 0, nil, portBytes)
	for _, tt := range []struct {
		name         string
		b            []byte
		proto        uint8
		sport, dport uint16
	}{
		{"tcp", tcp, 6, 1234, 80},
		{"udp", packet4(17, 0, nil, portBytes), 17, 1234, 80},
		{"do not fragment", packet4(17, 0x4000, nil, portBytes), 17, 1234, 80},
		{"first fragment", packet4(17, 0x2000, nil, portBytes), 17, 1234, 80},
		{"middle fragment", packet4(17, 0x2001, nil, portBytes), 17, 0, 0},
		{"last fragment", packet4(17, 0x1fff, nil, portBytes), 17, 0, 0},
		{"icmp", packet4(1, 0, nil, portBytes), 1, 0, 0},
		{"sctp", packet4(132, 0, nil, portBytes), 132, 0, 0},
		{"udplite", packet4(136, 0, nil, portBytes), 136, 0, 0},
		{"protocol 0", packet4(0, 0, nil, portBytes), 0, 0, 0},
		{"AH is a protocol", packet4(51, 0, nil, portBytes), 51, 0, 0},
		{"options", packet4(6, 0, []byte{7, 7, 4, 0, 0, 0, 0}, portBytes), 6, 1234, 80},
		{"most options", packet4(6, 0, make([]byte, 40), portBytes), 6, 1234, 80},
		{"no payload", packet4(6, 0, nil, nil), 6, 0, 0},
		{"ports cut short", packet4(6, 0, nil, portBytes[:3]), 6, 0, 0},
		{"ports beyond the total length", with(tcp, 2, 0, 23), 6, 0, 0},
		{"total length within the header", with(tcp, 2, 0, 19), 6, 0, 0},
		{"total length over what is there", with(tcp, 2, 255, 255), 6, 1234, 80},
		{"total length 0, as of a packet over 64 KiB", with(tcp, 2, 0, 0), 6, 1234, 80},
		{"link padding", append(packet4(6, 0, nil, nil), portBytes...), 6, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := eroute.ParsePacket(tt.b)
			want := pkt("192.0.2.1", "198.51.100.2", tt.proto, tt.sport, tt.dport)
			if err != nil || got != want {
				t.Errorf("ParsePacket = %v, %v, want %v", got, err, want)
			}
		})
	}
}

func TestParsePacketNotIP(t *testing.T) {
	v4 := packet4(6, 0, nil, portBytes)
	options := packet4(6, 0, make([]byte, 8), portBytes)
	v6 := packet6(6, portBytes)
	for name, b := range map[string][]byte{
		"nothing":           nil,
		"version 0":         with(v4, 0, 0x05),
		"version 5":         with(v4, 0, 0x55),
		"v4 cut short":      v4[:19],
		"v4 ihl 4":          with(v4, 0, 0x44),
		"v4 ihl 0":          with(v4, 0, 0x40),
		"options cut short": options[:27],
		"v6 cut short":      v6[:39],
		"v6 one byte":       v6[:1],
	} {
		if p, err := eroute.ParsePacket(b); !errors.Is(err, eroute.ErrNotIP) {
			t.Errorf("%s: %v, %v, want %v", name, p, err, eroute.ErrNotIP)
		}
	}
}
