// SPDX-License-Identifier: Apache-2.0

package eroute

import (
	"cmp"
	"net/netip"
)

// Compare orders selectors as the listing does, for [slices.SortFunc]: IPv4
// before IPv6, then source address, longer source prefix first, destination
// address, longer destination prefix first, protocol, source port, destination
// port. Returns 0 only if a == b.
func Compare(a, b Selector) int {
	return cmp.Or(
		comparePrefix(a.Src, b.Src),
		comparePrefix(a.Dst, b.Dst),
		cmp.Compare(a.Proto, b.Proto),
		cmp.Compare(a.SrcPort, b.SrcPort),
		cmp.Compare(a.DstPort, b.DstPort),
	)
}

// comparePrefix orders by family, address, and longer prefix first.
func comparePrefix(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(b.Bits(), a.Bits()))
}

// MoreSpecific orders selectors that match the same packet: the one that takes precedence comes first, so the
// result is negative if that is a. Longest source prefix first, then longest destination prefix, then protocol
// set over unset, source port set, destination port set. Returns 0 if neither takes precedence; two different
// selectors of the same rank never match the same packet.
func MoreSpecific(a, b Selector) int {
	return cmp.Or(
		cmp.Compare(b.Src.Bits(), a.Src.Bits()),
		cmp.Compare(b.Dst.Bits(), a.Dst.Bits()),
		compareSet(a.Proto != 0, b.Proto != 0),
		compareSet(a.SrcPort != 0, b.SrcPort != 0),
		compareSet(a.DstPort != 0, b.DstPort != 0),
	)
}

// compareSet puts the selector first that has the field set.
func compareSet(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}
