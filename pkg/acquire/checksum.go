// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// checksumAt is the offset in bytes of the checksum in the headers of the protocols for which the kernel leaves
// it to the network card.
var checksumAt = map[uint8]int{unix.IPPROTO_TCP: 16, unix.IPPROTO_UDP: 6}

// finishChecksum completes the checksum of a packet that has only the pseudo header's sum (CHECKSUM_PARTIAL,
// include/linux/skbuff.h): a packet of the gateway itself, or of a virtual machine or container on it. Any
// other checksum is left unchanged, right or wrong. Fragments need nothing: the kernel completes the checksum
// before fragmenting.
func finishChecksum(b []byte) {
	proto, l4, addresses := transport(b)
	at, has := checksumAt[proto]
	if !has || l4+at+2 > len(b) {
		return
	}
	segment := b[l4:]
	sum := segment[at : at+2]
	length := binary.BigEndian.AppendUint32(nil, uint32(len(segment)))
	if binary.BigEndian.Uint16(sum) != fold(add(add(uint64(proto), addresses), length)) {
		return
	}
	result := ^fold(add(0, segment))
	if result == 0 && proto == unix.IPPROTO_UDP {
		result = 0xffff // RFC 768: 0 means no checksum
	}
	binary.BigEndian.PutUint16(sum, result)
}

// transport returns the protocol, the offset of the transport header and the addresses of an unfragmented
// packet. It returns protocol 0 for a fragment or an unsupported packet.
func transport(b []byte) (proto uint8, l4 int, addresses []byte) {
	switch {
	case len(b) >= 20 && b[0]>>4 == 4 && binary.BigEndian.Uint16(b[6:])&0x3fff == 0:
		return b[9], int(b[0]&15) * 4, b[12:20]
	case len(b) >= 40 && b[0]>>4 == 6:
		proto, l4 = b[6], 40
		for isOptions(proto) && l4+8 <= len(b) {
			proto, l4 = b[l4], l4+8*(int(b[l4+1])+1)
		}
		return proto, l4, b[8:40]
	}
	return 0, 0, nil
}

// isOptions reports whether an IPv6 header is an extension header that another header follows (RFC 8200).
func isOptions(next uint8) bool {
	return next == unix.IPPROTO_HOPOPTS || next == unix.IPPROTO_ROUTING || next == unix.IPPROTO_DSTOPTS
}

// add sums 16-bit words in network byte order (RFC 1071).
func add(sum uint64, b []byte) uint64 {
	for ; len(b) > 1; b = b[2:] {
		sum += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}

func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}
