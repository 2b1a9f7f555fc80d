// SPDX-License-Identifier: Apache-2.0

package index

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/bpf"
)

// blocks returns the prefix lengths of the largest blocks, which have cells in the filter, and of the smallest, and the
// step between.
func blocks(a netip.Addr) (largest, smallest, step int) {
	if a.Is4() {
		return int(bpf.ABILimitsINDEX_BLOCK4), int(bpf.ABILimitsINDEX_SMALLEST4), int(bpf.ABILimitsINDEX_STEP4)
	}
	return int(bpf.ABILimitsINDEX_BLOCK6), int(bpf.ABILimitsINDEX_SMALLEST6), int(bpf.ABILimitsINDEX_STEP6)
}

// summaryBlock returns the prefix length of the smallest block with a summary that contains a destination.
func summaryBlock(p netip.Prefix) int {
	largest, smallest, step := blocks(p.Addr())
	return min(p.Bits()-(p.Bits()-largest)%step, smallest)
}

// lenBit returns the bit of a prefix length in a set of lengths: bpf/index.h.
func lenBit(p netip.Prefix) uint64 {
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

// isWide reports whether a prefix covers more than one cell of the filter.
func isWide(p netip.Prefix) bool {
	largest, _, _ := blocks(p.Addr())
	return p.Bits() < largest
}
