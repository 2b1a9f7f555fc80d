// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"encoding/binary"
	"net/netip"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// mix is one step of a hash: bpf/hash.h.
func mix(h, v uint64) uint64 {
	h = (h ^ v) * 0x9e3779b97f4a7c15
	return h ^ h>>32
}

func mixAddress(h uint64, a netip.Addr) uint64 {
	if a.Is4() {
		b := a.As4()
		return mix(h, uint64(binary.NativeEndian.Uint32(b[:])))
	}
	b := a.As16()
	return mix(mix(h, binary.NativeEndian.Uint64(b[:8])), binary.NativeEndian.Uint64(b[8:]))
}

// sourceHash is the hash of a source prefix.
func sourceHash(seed uint64, p netip.Prefix) uint64 {
	return mix(mixAddress(seed, p.Addr()), uint64(p.Bits()))
}

// slotHash is the hash of an eroute; source is that of its source prefix.
func slotHash(source uint64, s eroute.Selector) uint64 {
	return mix(mixAddress(source, s.Dst.Addr()),
		uint64(fixedBits(s)+s.Dst.Bits())<<40|uint64(s.Proto)<<32|uint64(bePort(s.SrcPort))<<16|uint64(bePort(s.DstPort)))
}

func fixedBits(s eroute.Selector) int {
	if s.Src.Addr().Is4() {
		return int(bpf.ABILimitsROW4FIXED_BITS)
	}
	return int(bpf.ABILimitsROW6FIXED_BITS)
}

// blockHash is the hash of an address's block of so many bits; for kinds, seed is the hash of the
// source prefix.
func blockHash(seed uint64, a netip.Addr, bits int) uint64 {
	var block [8]byte
	if a.Is4() {
		b := a.As4()
		binary.BigEndian.PutUint32(block[:], binary.BigEndian.Uint32(b[:])&(^uint32(0)<<(32-bits)))
	} else {
		b := a.As16()
		binary.BigEndian.PutUint64(block[:], binary.BigEndian.Uint64(b[:8])&(^uint64(0)<<(64-bits)))
	}
	return mix(seed, binary.NativeEndian.Uint64(block[:]))
}

// blocks returns the bits of the largest blocks, which have filter cells, those of the smallest, and
// the step between sizes.
func blocks(a netip.Addr) (largest, smallest, step int) {
	if a.Is4() {
		return int(bpf.ABILimitsINDEX_BLOCK4), int(bpf.ABILimitsINDEX_LEAST4), int(bpf.ABILimitsINDEX_STEP4)
	}
	return int(bpf.ABILimitsINDEX_BLOCK6), int(bpf.ABILimitsINDEX_LEAST6), int(bpf.ABILimitsINDEX_STEP6)
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
