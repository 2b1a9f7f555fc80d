// SPDX-License-Identifier: Apache-2.0

package abi

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Secrets are the keys of the hashes of bpf/hash.h, from struct table_meta.
type Secrets struct {
	factors [2]uint64
	keys    [bpf.ABILimitsHASH_KEYS]uint32
}

// SecretsOf returns the secrets of a table.
func SecretsOf(m *bpf.ABITableMeta) *Secrets { return &Secrets{m.Factors, m.Keys} }

// Pair is the product of two words, each with a key added: those at the index key and behind it.
func (s *Secrets) Pair(a, b uint32, key int) uint64 {
	return uint64(a+s.keys[key]) * uint64(b+s.keys[key+1])
}

// Address is the sum of the words of an address; for IPv4, b is the second word of the pair.
func (s *Secrets) Address(a netip.Addr, b uint32, key int) uint64 {
	if a.Is4() {
		bytes := a.As4()
		return s.Pair(binary.NativeEndian.Uint32(bytes[:]), b, key)
	}
	bytes := a.As16()
	return s.pairs(bytes[:], key)
}

// pairs is the sum of the pairs of words in bytes, whose length is a multiple of 8.
func (s *Secrets) pairs(bytes []byte, key int) (sum uint64) {
	for i := 0; i < len(bytes); i += 8 {
		sum += s.Pair(binary.NativeEndian.Uint32(bytes[i:]), binary.NativeEndian.Uint32(bytes[i+4:]), key+i/4)
	}
	return sum
}

// Spread turns a sum into a hash whose high bits are uniform.
func (s *Secrets) Spread(sum uint64) uint64 { return (sum ^ sum>>32) * s.factors[0] }

// FlowSeal is flow_seal of bpf/flow.h.
func (s *Secrets) FlowSeal(key *bpf.ABIFlowKey, v *bpf.ABIFlow) uint64 {
	const words = 22
	bytes := make([]byte, 0, words*4)
	for _, part := range []any{key, v} {
		bytes, _ = binary.Append(bytes, binary.NativeEndian, part) // of a fixed size: it does not fail
	}
	// The words before the seal; the last one has no pair.
	facts := bytes[:(words-1)*4]
	return s.pairs(append(slices.Clip(facts), 0, 0, 0, 0), 0)
}

// IngressSeal is ingress_seal of bpf/fastpath.h.
func (s *Secrets) IngressSeal(key *bpf.ABIIngressKey, v *bpf.ABIIngress) uint64 {
	var bytes []byte
	for _, part := range []any{key, v.Ifindex, v.Mac, v.Pad} {
		bytes, _ = binary.Append(bytes, binary.NativeEndian, part)
	}
	return s.pairs(append(bytes, 0, 0, 0, 0), 0)
}

// SourceSum is the sum of a source prefix. The hash of an index entry is the spread sum of its source and of its
// block of destinations or the rest of its selector.
func (s *Secrets) SourceSum(p netip.Prefix) uint64 {
	hostbits := uint32(p.Addr().BitLen() - p.Bits())
	sum := s.Address(p.Addr(), hostbits, 0)
	if p.Addr().Is6() {
		sum += s.Pair(hostbits, 0, 4)
	}
	return sum
}

// BlockSum is the sum of the block of addresses that an address is in; bits is its prefix length.
func (s *Secrets) BlockSum(a netip.Addr, bits int) uint64 {
	if a.Is4() {
		return s.Address(netip.PrefixFrom(a, bits).Masked().Addr(), uint32(bits), 6)
	}
	block := netip.PrefixFrom(a, bits).Masked().Addr().As16()
	return s.pairs(block[:8], 6) + s.Pair(uint32(bits), 0, 8)
}

// SlotSum is the sum of a selector without its source.
func (s *Secrets) SlotSum(sel eroute.Selector) uint64 {
	kind := uint32(fixedBits(sel)+sel.Dst.Bits())<<8 | uint32(sel.Proto)
	ports := uint32(BEPort(sel.SrcPort)) | uint32(BEPort(sel.DstPort))<<16
	if sel.Dst.Addr().Is4() {
		return s.Address(sel.Dst.Addr(), kind, 10) + s.Pair(ports, 0, 12)
	}
	return s.Address(sel.Dst.Addr(), 0, 10) + s.Pair(kind, ports, 14)
}

// fixedBits is the prefix length of a trie key without its destination.
func fixedBits(s eroute.Selector) int {
	if s.Src.Addr().Is4() {
		return int(bpf.ABILimitsKEY4FIXED_BITS)
	}
	return int(bpf.ABILimitsKEY6FIXED_BITS)
}

// ChooseSecrets sets random secrets.
func ChooseSecrets(meta *bpf.ABITableMeta) error {
	for _, secret := range []any{&meta.Factors, &meta.Keys, &meta.Token} {
		if err := binary.Read(rand.Reader, binary.NativeEndian, secret); err != nil {
			return fmt.Errorf("choose the hashes' secrets: %w", err)
		}
	}
	for i := range meta.Factors {
		meta.Factors[i] |= 1
	}
	return nil
}
