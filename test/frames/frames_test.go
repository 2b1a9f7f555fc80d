// SPDX-License-Identifier: Apache-2.0

package frames

import (
	"encoding/binary"
	"net"
	"slices"
)

const (
	etherIP   = 0x0800
	etherIPv6 = 0x86dd
)

// vlans are the tags of the VLANs on the gateway's lan.
var vlans = [][2]uint16{{}, {7}, {7, 9}}

// etherType is the type for the version of an IP packet.
func etherType(packet []byte) uint16 {
	if len(packet) > 0 && packet[0]>>4 == 6 {
		return etherIPv6
	}
	return etherIP
}

// frame prepends an Ethernet header to a packet, usually to the gateway's address, with a stack of VLAN tags.
func (r *random) frame(mac net.HardwareAddr, packet []byte) []byte {
	b := append(slices.Clone(mac), 2, 0, 0, 0, 0, 1)
	if r.oneIn(20) {
		copy(b, pick(r, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, []byte{1, 0, 0x5e, 0, 0, 5}, r.bytes(6)))
	}
	if r.oneIn(4) {
		tags := vlans[r.IntN(len(vlans))]
		for _, tag := range tags {
			if tag != 0 || r.oneIn(4) {
				b = r.tag(b, tag)
			}
		}
		for range max(0, r.IntN(6)-3) {
			b = r.tag(b, pick[uint16](r, 0, 7, 9, 42, 4095))
		}
	}
	typ := etherType(packet)
	if r.oneIn(30) {
		typ = pick[uint16](r, etherIP, etherIPv6, 0x0806, 0x8847, 0x8864, uint16(r.Uint32()))
	}
	return append(binary.BigEndian.AppendUint16(b, typ), packet...)
}

func (r *random) tag(b []byte, id uint16) []byte {
	b = binary.BigEndian.AppendUint16(b, pick[uint16](r, 0x8100, 0x8100, 0x88a8, 0x9100))
	return binary.BigEndian.AppendUint16(b, id|uint16(r.IntN(16))<<12)
}

// disguised is an IP packet whose bytes contain its own type where an Ethernet frame has it: the kernel reads
// it there when it runs a program for a device without Ethernet headers. The bytes are part of its source,
// which becomes 8.0.x.y or aaaa:bbbb:86dd:... .
func (r *random) disguised(packet []byte) []byte {
	b := slices.Clone(packet)
	if len(b) < 14 {
		return b
	}
	right := len(b) >= 20 && b[0]>>4 == 4 && sum(b[:min(len(b), 4*int(b[0]&15))]) == 0xffff
	binary.BigEndian.PutUint16(b[12:], etherType(b))
	switch {
	case len(b) >= 40 && b[0]>>4 == 6 && r.oneIn(4):
		copy(b[8:], own6.AsSlice())
	case len(b) >= 20 && b[0]>>4 == 4:
		if r.oneIn(4) {
			copy(b[12:], own4.AsSlice())
		}
		if right {
			finish4(b)
		}
	}
	return b
}
