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

// nodeHash is the hash of a source prefix.
func nodeHash(seed uint64, p netip.Prefix) uint64 {
	return mix(mixAddress(seed, p.Addr()), uint64(p.Bits()))
}

// slotHash is the hash of an eroute; node is that of its source prefix.
func slotHash(node uint64, s eroute.Selector) uint64 {
	return mix(mixAddress(node, s.Dst.Addr()),
		uint64(fixedBits(s)+s.Dst.Bits())<<40|uint64(s.Proto)<<32|uint64(bePort(s.SrcPort))<<16|uint64(bePort(s.DstPort)))
}

func fixedBits(s eroute.Selector) int {
	if s.Src.Addr().Is4() {
		return int(bpf.ABILimitsROW4FIXED_BITS)
	}
	return int(bpf.ABILimitsROW6FIXED_BITS)
}

// blockHash is the hash of the filter cell of an address; for those of pairs, seed is the
// hash of the source prefix.
func blockHash(seed uint64, a netip.Addr) uint64 {
	var block [8]byte
	if a.Is4() {
		b := a.As4()
		copy(block[:], b[:bpf.ABILimitsINDEX_BLOCK4/8])
	} else {
		b := a.As16()
		copy(block[:], b[:bpf.ABILimitsINDEX_BLOCK6/8])
	}
	return mix(seed, binary.NativeEndian.Uint64(block[:]))
}

// lenBit is the bit for a prefix length in a set of lengths: struct index_kinds in bpf/abi.h.
func lenBit(p netip.Prefix) uint64 {
	hostbits := p.Addr().BitLen() - p.Bits()
	if p.Addr().Is6() {
		hostbits = min(hostbits/2, 63)
	}
	return 1 << hostbits
}

// isWide tells whether a prefix covers more than one filter cell.
func isWide(p netip.Prefix) bool {
	if p.Addr().Is4() {
		return p.Bits() < int(bpf.ABILimitsINDEX_BLOCK4)
	}
	return p.Bits() < int(bpf.ABILimitsINDEX_BLOCK6)
}
