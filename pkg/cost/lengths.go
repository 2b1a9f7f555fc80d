// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"math/bits"
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/index"
)

// family holds the parameters of an address family.
type family struct {
	bits int // of an address
	time times
}

var families = [2]family{{32, times4}, {128, times6}}

func familyOf(a netip.Addr) *family {
	if a.Is4() {
		return &families[0]
	}
	return &families[1]
}

// summary is the index's summary of the destinations of a source, or of those in one block.
type summary struct {
	lengths uint64 // one bit per group of prefix lengths: index.LenBit
	tuples  uint8  // one bit per tuple
}

func (s *summary) add(o summary) {
	s.lengths |= o.lengths
	s.tuples |= o.tuples
}

func summaryOf(s eroute.Selector) summary { return summary{index.LenBit(s.Dst), 1 << abi.TupleOf(s)} }

// count returns the number of prefix lengths in a set of groups.
func (f *family) count(groups uint64) int {
	if f.bits == 32 {
		return bits.OnesCount64(groups)
	}
	const seven, eights, threes = uint64(1 << 8), uint64(0xfe), uint64(0xffffffffffffffff &^ (1<<26 - 1))
	return bits.OnesCount64(groups) + 6*bits.OnesCount64(groups&seven) + 7*bits.OnesCount64(groups&eights) + 2*bits.OnesCount64(groups&threes)
}

// probes returns the number of slots that the index probes: each length with each of the tuples in common.
func (f *family) probes(s summary, tuples uint8) int {
	return f.count(s.lengths) * bits.OnesCount8(s.tuples&tuples)
}

// blockOf returns the smallest block with a summary that contains a destination, and whether there is one.
func blockOf(dst netip.Prefix) (netip.Prefix, bool) {
	if index.IsWide(dst) {
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(dst.Addr(), index.SummaryBlock(dst)).Masked(), true
}
