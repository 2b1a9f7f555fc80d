// SPDX-License-Identifier: Apache-2.0

package follow

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// without returns selectors that together match the packets of s that are not between these prefixes, each packet once.
// Both prefixes overlap with those of s.
func without(s eroute.Selector, src, dst netip.Prefix) (rest []eroute.Selector) {
	part := s
	for _, p := range split(s.Src, src) {
		part.Src = p
		rest = append(rest, part)
	}
	part.Src = narrower(s.Src, src)
	for _, p := range split(s.Dst, dst) {
		part.Dst = p
		rest = append(rest, part)
	}
	return rest
}

// split returns the prefixes that together have the addresses of p that are not in inner, from the largest to the
// smallest: none if p is in inner.
func split(p, inner netip.Prefix) (rest []netip.Prefix) {
	for bits := p.Bits() + 1; bits <= inner.Bits(); bits++ {
		rest = append(rest, netip.PrefixFrom(flipBit(inner.Addr(), bits-1), bits).Masked())
	}
	return rest
}

// flipBit returns the address with another value of a bit, counted from the most significant one.
func flipBit(a netip.Addr, bit int) netip.Addr {
	b := a.AsSlice()
	b[bit/8] ^= 0x80 >> (bit % 8)
	flipped, _ := netip.AddrFromSlice(b)
	return flipped
}

// narrower returns the longer one of two prefixes, which overlap.
func narrower(a, b netip.Prefix) netip.Prefix {
	if a.Bits() > b.Bits() {
		return a
	}
	return b
}
