// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"encoding/binary"
	"net/netip"
)

// Packet holds the fields of an IP packet that selectors compare. Ports are in host byte order. They are 0 for
// protocols other than TCP and UDP, and in every fragment but the first.
type Packet struct {
	Src, Dst         netip.Addr
	Proto            uint8
	SrcPort, DstPort uint16
}

// ParsePacket is the reference for the parser of the kernel programs: it returns the fields that selectors
// compare of the IP packet in b, which starts at its IP header. Ports are also 0 if b or the packet ends before
// them. Returns [ErrNotIP] if b is neither IPv4 nor IPv6, or is truncated within the IP header.
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

// clip removes the bytes after the packet, whose header gives its length as n. In packets over 64 KiB that the
// kernel has not segmented yet, n is 0.
func clip(b []byte, n int) []byte {
	if n == 0 {
		return b
	}
	return b[:min(n, len(b))]
}

// setPorts reads the ports from the transport header at offset, if the protocol has ports and b contains them.
func (p *Packet) setPorts(b []byte, offset int) {
	if !hasPorts(p.Proto) || len(b) < offset+4 {
		return
	}
	p.SrcPort = binary.BigEndian.Uint16(b[offset:])
	p.DstPort = binary.BigEndian.Uint16(b[offset+2:])
}
