// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/bpf"
)

// blocks returns the bits of the largest blocks, which have filter cells, those of the smallest, and
// the step between sizes.
func blocks(a netip.Addr) (largest, smallest, step int) {
	if a.Is4() {
		return int(bpf.ABILimitsINDEX_BLOCK4), int(bpf.ABILimitsINDEX_SMALLEST4), int(bpf.ABILimitsINDEX_STEP4)
	}
	return int(bpf.ABILimitsINDEX_BLOCK6), int(bpf.ABILimitsINDEX_SMALLEST6), int(bpf.ABILimitsINDEX_STEP6)
}

// kindBlock returns the bits of the smallest block with kinds of its own that a destination lies within.
func kindBlock(p netip.Prefix) int {
	largest, smallest, step := blocks(p.Addr())
	return min(p.Bits()-(p.Bits()-largest)%step, smallest)
}

// lenBit is the bit for a prefix length in a set of lengths: bpf/index.h.
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

// isWide tells whether a prefix covers more than one filter cell.
func isWide(p netip.Prefix) bool {
	largest, _, _ := blocks(p.Addr())
	return p.Bits() < largest
}
