// SPDX-License-Identifier: Apache-2.0

package xfrm

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// request is one message to the kernel: its XFRM_MSG_ type, and the payload after the netlink header.
type request struct {
	msgType uint16
	payload []byte
}

// attrTypeMask removes the flags from an attribute's type (NLA_TYPE_MASK).
const attrTypeMask = 0x3fff

// attribute is one netlink attribute (XFRMA_...).
type attribute struct {
	kind uint16
	data []byte
}

// parseAttributes splits the attributes of a message without copying their data. It returns ErrMessage if one
// is truncated.
func parseAttributes(b []byte) ([]attribute, error) {
	var attrs []attribute
	for len(b) >= unix.SizeofNlAttr {
		size := int(binary.NativeEndian.Uint16(b))
		if size < unix.SizeofNlAttr || size > len(b) {
			return nil, fmt.Errorf("parse attribute of %d bytes: %w", size, ErrMessage)
		}
		attrs = append(attrs, attribute{
			kind: binary.NativeEndian.Uint16(b[2:]) & attrTypeMask,
			data: b[unix.SizeofNlAttr:size],
		})
		b = b[min(align(size), len(b)):]
	}
	return attrs, nil
}

// appendAttribute appends an attribute and its padding.
func appendAttribute(b []byte, kind uint16, data []byte) []byte {
	size := unix.SizeofNlAttr + len(data)
	b = binary.NativeEndian.AppendUint16(b, uint16(size))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, data...)
	return append(b, make([]byte, align(size)-size)...)
}

// appendUint32 appends an attribute with a number in host byte order.
func appendUint32(b []byte, kind uint16, v uint32) []byte {
	return appendAttribute(b, kind, binary.NativeEndian.AppendUint32(nil, v))
}

// uint32 returns the attribute's number in host byte order, 0 if it is too short.
func (a attribute) uint32() uint32 {
	if len(a.data) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(a.data)
}

// align rounds up as NLMSG_ALIGN and NLA_ALIGN do.
func align(n int) int {
	return (n + 3) &^ 3
}

// toAddress returns addr as an xfrm_address_t: IPv4 in the first four bytes.
func toAddress(addr netip.Addr) (a nl.XfrmAddress) {
	copy(a[:], addr.AsSlice())
	return a
}

// fromAddress returns the address of the given family, and the zero Addr for a family other than AF_INET and
// AF_INET6.
func fromAddress(a nl.XfrmAddress, af uint16) netip.Addr {
	switch familiesFromAF(af) {
	case IPv4:
		return netip.AddrFrom4([4]byte(a[:4]))
	case IPv6:
		return netip.AddrFrom16(a)
	}
	return netip.Addr{}
}

// hton32 converts a number between host and network byte order.
func hton32(v uint32) uint32 {
	return binary.NativeEndian.Uint32(binary.BigEndian.AppendUint32(nil, v))
}
