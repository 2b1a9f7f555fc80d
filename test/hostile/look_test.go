// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// seen is what there is to see of an IP packet, by RFC 791 and RFC 8200.
type seen struct {
	isIP          bool // and all of its header is there
	packet        eroute.Packet
	length        int // of header and payload, as the header says; 0: it does not
	hopLimit      byte
	plain         bool // nothing in it that routers have to look at, or to throw it away for
	laterFragment bool
}

// look takes a packet of this EtherType apart.
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

// isForwarded tells whether the kernel does nothing with the packet but forward it:
// present is how much of it there is.
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

// isKeyExchange tells whether a packet of the gateway itself would be its key exchange. Later fragments of UDP
// show no port.
func (s seen) isKeyExchange() bool {
	p := s.packet
	return p.Proto == 17 && s.laterFragment || p.Proto == 50 || p.Proto == 51 || p.Proto == 17 && (p.SrcPort == 500 || p.SrcPort == 4500)
}

// isGroup tells whether an address is a multicast one. To netip, an IPv6 address with a mapped IPv4 address is
// what the latter is; to the kernel it is not.
func isGroup(a netip.Addr) bool { return a.Unmap() == a && a.IsMulticast() }

// isLinkLocal6 tells whether an IPv6 address is a link-local one.
func isLinkLocal6(a netip.Addr) bool { return a.Is6() && a.Unmap() == a && a.IsLinkLocalUnicast() }
