// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"encoding/binary"
	"net/netip"
)

// Packet is what an IP packet shows to selectors. Ports are in host byte order,
// and 0 where selectors see none: in all but TCP and UDP, and in every fragment
// but the first.
type Packet struct {
	Src, Dst         netip.Addr
	Proto            uint8
	SrcPort, DstPort uint16
}

// ParsePacket is the reference for the parser of the kernel programs: it returns
// what the IP packet in b, which starts at its IP header, shows to selectors.
// Ports are 0 too where b or the packet ends before them. Returns [ErrNotIP] if b
// is neither IPv4 nor IPv6, or cut short within the IP header.
func ParsePacket(b []byte) (Packet, error) {
	if len(b) == 0 {
		return Packet{}, ErrNotIP
	}
	switch b[0] >> 4 {
	case 4:
		return parsePacket4(b)
	case 6:
		return parsePacket6(b)
	}
	return Packet{}, ErrNotIP
}

// parsePacket4 reads the header of RFC 791, section 3.1.
func parsePacket4(b []byte) (Packet, error) {
	if len(b) < 20 {
		return Packet{}, ErrNotIP
	}
	headerLen := 4 * int(b[0]&0xf)
	if headerLen < 20 || len(b) < headerLen {
		return Packet{}, ErrNotIP
	}
	p := Packet{
		Src:   netip.AddrFrom4([4]byte(b[12:16])),
		Dst:   netip.AddrFrom4([4]byte(b[16:20])),
		Proto: b[9],
	}
	totalLen := int(binary.BigEndian.Uint16(b[2:4]))
	fragmentOffset := binary.BigEndian.Uint16(b[6:8]) & 0x1fff
	if fragmentOffset == 0 {
		p.setPorts(clip(b, totalLen), headerLen)
	}
	return p, nil
}

// clip cuts off what follows the packet, whose header gives its length as n.
// Packets over 64 KiB, before the kernel segments them, have length 0 there.
func clip(b []byte, n int) []byte {
	if n == 0 {
		return b
	}
	return b[:min(n, len(b))]
}

// setPorts reads the ports from the transport header at offset, if the protocol
// has them and they are there.
func (p *Packet) setPorts(b []byte, offset int) {
	if !hasPorts(p.Proto) || len(b) < offset+4 {
		return
	}
	p.SrcPort = binary.BigEndian.Uint16(b[offset:])
	p.DstPort = binary.BigEndian.Uint16(b[offset+2:])
}
