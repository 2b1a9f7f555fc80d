// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"math/bits"
	"net/netip"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// family holds the parameters of the index for an address family: bpf/index.h.
type family struct {
	bits                    int
	largest, smallest, step int // of the blocks with a summary, in bits
	time                    times
}

var families = [2]family{
	{32, int(bpf.ABILimitsINDEX_BLOCK4), int(bpf.ABILimitsINDEX_SMALLEST4), int(bpf.ABILimitsINDEX_STEP4), times4},
	{128, int(bpf.ABILimitsINDEX_BLOCK6), int(bpf.ABILimitsINDEX_SMALLEST6), int(bpf.ABILimitsINDEX_STEP6), times6},
}

func familyOf(a netip.Addr) *family {
	if a.Is4() {
		return &families[0]
	}
	return &families[1]
}

// summary is the index's summary of the destinations of a source, or of those in one block.
type summary struct {
	lengths uint64 // one bit per group of prefix lengths
	tuples  uint8  // one bit per tuple
}

func (s *summary) add(o summary) {
	s.lengths |= o.lengths
	s.tuples |= o.tuples
}

func summaryOf(s eroute.Selector) summary { return summary{1 << group(s.Dst), 1 << tuple(s)} }

// group returns the bit of a prefix's length: for IPv4 one bit per length; for IPv6 one bit for eight lengths of
// 65 to 127, and one for three below 48.
func group(p netip.Prefix) int {
	hostbits := p.Addr().BitLen() - p.Bits()
	switch {
	case p.Addr().Is4() || hostbits == 0:
		return hostbits
	case hostbits < 64:
		return (hostbits + 7) / 8
	case hostbits < 81:
		return hostbits - 55
	default:
		return hostbits/3 - 1
	}
}

// count returns the number of prefix lengths in a set of groups.
func (f *family) count(groups uint64) int {
	if f.bits == 32 {
		return bits.OnesCount64(groups)
	}
	const seven, eights, threes = uint64(1 << 8), uint64(0xfe), uint64(0xffffffffffffffff &^ (1<<26 - 1))
	return bits.OnesCount64(groups) + 6*bits.OnesCount64(groups&seven) + 7*bits.OnesCount64(groups&eights) + 2*bits.OnesCount64(groups&threes)
}

// tuple returns the protocol and ports that a selector names, as enum eroute_tuple of bpf/abi.h.
func tuple(s eroute.Selector) bpf.ABIErouteTuple {
	switch {
	case s.SrcPort != 0 && s.DstPort != 0:
		return bpf.ABIErouteTupleTUPLE_SPORT_DPORT
	case s.SrcPort != 0:
		return bpf.ABIErouteTupleTUPLE_SPORT
	case s.DstPort != 0:
		return bpf.ABIErouteTupleTUPLE_DPORT
	case s.Proto != 0:
		return bpf.ABIErouteTupleTUPLE_PROTO
	}
	return bpf.ABIErouteTupleTUPLE_ANY
}

// probes returns the number of slots that the index probes: each length with each of the tuples in common.
func (f *family) probes(s summary, tuples uint8) int {
	return f.count(s.lengths) * bits.OnesCount8(s.tuples&tuples)
}

// block returns the smallest block with a summary that contains a destination, and whether there is one.
func (f *family) block(dst netip.Prefix) (netip.Prefix, bool) {
	if dst.Bits() < f.largest {
		return netip.Prefix{}, false
	}
	bits := min(dst.Bits()-(dst.Bits()-f.largest)%f.step, f.smallest)
	return netip.PrefixFrom(dst.Addr(), bits).Masked(), true
}
