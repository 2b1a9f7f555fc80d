// SPDX-License-Identifier: Apache-2.0

package index

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/bpf"
)

// Blocks returns the prefix lengths of the largest blocks of an address, which have cells in the filter, and of the
// smallest, and the step between.
func Blocks(a netip.Addr) (largest, smallest, step int) {
	if a.Is4() {
		return int(bpf.ABILimitsINDEX_BLOCK4), int(bpf.ABILimitsINDEX_SMALLEST4), int(bpf.ABILimitsINDEX_STEP4)
	}
	return int(bpf.ABILimitsINDEX_BLOCK6), int(bpf.ABILimitsINDEX_SMALLEST6), int(bpf.ABILimitsINDEX_STEP6)
}

// SummaryBlock returns the prefix length of the smallest block with a summary that contains a destination. No block
// contains a destination that [IsWide].
func SummaryBlock(p netip.Prefix) int {
	largest, smallest, step := Blocks(p.Addr())
	return min(p.Bits()-(p.Bits()-largest)%step, smallest)
}

// LenBit returns the bit of a prefix length in a set of lengths: bpf/index.h. Some lengths of IPv6 share a bit.
func LenBit(p netip.Prefix) uint64 {
	hostbits := p.Addr().BitLen() - p.Bits()
	switch {
	case p.Addr().Is4() || hostbits == 0:
		return 1 << hostbits
	case hostbits < 64:
		return 1 << ((hostbits + 7) / 8)
	case hostbits < 81:
		return 1 << (hostbits - 55)
	default:
		return 1 << (hostbits/3 - 1)
	}
}

// IsWide reports whether a prefix covers more than one cell of the filter.
func IsWide(p netip.Prefix) bool {
	largest, _, _ := Blocks(p.Addr())
	return p.Bits() < largest
}
