// SPDX-License-Identifier: Apache-2.0

package abi

import (
	"encoding/binary"
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// BEPort converts a port between host and network byte order.
func BEPort(port uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], port)
	return binary.NativeEndian.Uint16(b[:])
}

// AddrBytes returns an address as maps hold it, in network byte order: an IPv4 address in the first 4 bytes.
func AddrBytes(a netip.Addr) (b [16]byte) {
	copy(b[:], a.AsSlice())
	return b
}

// BytesAddr is the inverse of AddrBytes.
func BytesAddr(f eroute.Family, b [16]byte) netip.Addr {
	if f == eroute.Inet {
		return netip.AddrFrom4([4]byte(b[:4]))
	}
	return netip.AddrFrom16(b)
}
