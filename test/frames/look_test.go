// SPDX-License-Identifier: Apache-2.0

package frames

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// seen is what RFC 791 and RFC 8200 define about an IP packet.
type seen struct {
	isIP          bool // and its header is complete
	packet        eroute.Packet
	length        int // of header and payload, from the header; 0: unknown
	hopLimit      byte
	plain         bool // nothing in it that routers must process, or drop it for
	laterFragment bool
}

// look parses a packet of this EtherType.
func look(typ uint16, b []byte) (s seen) {
	p, err := eroute.ParsePacket(b)
	if err != nil || typ != etherType(b) {
		return s
	}
	s.isIP, s.packet = true, p
	if typ == etherIP {
		s.length, s.hopLimit = int(binary.BigEndian.Uint16(b[2:])), b[8]
		s.plain = b[0] == 0x45 && sum(b[:20]) == 0xffff
		s.laterFragment = binary.BigEndian.Uint16(b[6:])&0x1fff != 0
		return s
	}
	if n := int(binary.BigEndian.Uint16(b[4:])); n != 0 {
		s.length = 40 + n
		b = b[:min(len(b), s.length)]
	}
	s.hopLimit, s.plain = b[7], b[6] != 0
	s.laterFragment = isLaterFragment6(b)
	return s
}

// isLaterFragment6 finds the fragment header within the first eight headers.
func isLaterFragment6(b []byte) bool {
	next, at := b[6], 40
	for i := range 8 {
		if !slices.Contains([]byte{0, 43, 44, 60, 135, 139, 140}, next) || next == 0 && i > 0 || len(b) < at+8 {
			return false
		}
		if next == 44 {
			if binary.BigEndian.Uint16(b[at+2:])>>3 != 0 {
				return true
			}
			next, at = b[at], at+8
			continue
		}
		next, at = b[at], at+8*(int(b[at+1])+1)
		if at > len(b) {
			return false
		}
	}
	return false
}

// isForwarded reports whether the kernel only forwards the packet: present is the number of bytes present.
func (s seen) isForwarded(present int) bool {
	if !s.isIP || !s.plain || s.hopLimit < 2 || s.length < 20 || s.length > present {
		return false
	}
	src := s.packet.Src
	if src.Is4() {
		first := src.As4()[0]
		return first != 0 && first != 127 && first < 224
	}
	return src.As16()[0] != 0 && !isGroup(src) && !isLinkLocal6(src)
}

// isKeyExchange reports whether a packet of the gateway itself would be local IKE or ESP. Later fragments of
// UDP contain no port.
func (s seen) isKeyExchange() bool {
	p := s.packet
	return p.Proto == 17 && s.laterFragment || p.Proto == 50 || p.Proto == 51 || p.Proto == 17 && (p.SrcPort == 500 || p.SrcPort == 4500)
}

// isGroup reports whether an address is multicast. netip classifies an IPv4-mapped IPv6 address like the IPv4
// address; the kernel does not.
func isGroup(a netip.Addr) bool { return a.Unmap() == a && a.IsMulticast() }

// isLinkLocal6 reports whether an IPv6 address is link-local.
func isLinkLocal6(a netip.Addr) bool { return a.Is6() && a.Unmap() == a && a.IsLinkLocalUnicast() }
