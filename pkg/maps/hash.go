// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// secrets are those of the keyed hashes of bpf/hash.h: of struct table_meta.
type secrets struct {
	factors [2]uint64
	keys    [bpf.ABILimitsHASH_KEYS]uint32
}

func secretsOf(m *bpf.ABITableMeta) *secrets { return &secrets{m.Factors, m.Keys} }

// pair is the product of two words with the keys from a number on.
func (s *secrets) pair(a, b uint32, key int) uint64 {
	return uint64(a+s.keys[key]) * uint64(b+s.keys[key+1])
}

// address is the sum of an address's words; for IPv4 b is the other word of the pair.
func (s *secrets) address(a netip.Addr, b uint32, key int) uint64 {
	if a.Is4() {
		bytes := a.As4()
		return s.pair(binary.NativeEndian.Uint32(bytes[:]), b, key)
	}
	bytes := a.As16()
	return s.pairs(bytes[:], key)
}

// pairs is the sum of the pairs of words in some bytes.
func (s *secrets) pairs(bytes []byte, key int) (sum uint64) {
	for i := 0; i < len(bytes); i += 8 {
		sum += s.pair(binary.NativeEndian.Uint32(bytes[i:]), binary.NativeEndian.Uint32(bytes[i+4:]), key+i/4)
	}
	return sum
}

func (s *secrets) spread(sum uint64) uint64 { return (sum ^ sum>>32) * s.factors[0] }

// flowSeal is flow_seal of bpf/flow.h.
func (s *secrets) flowSeal(key *bpf.ABIFlowKey, v *bpf.ABIFlow) uint64 {
	const words = 22
	bytes := make([]byte, 0, words*4)
	for _, part := range []any{key, v} {
		bytes, _ = binary.Append(bytes, binary.NativeEndian, part) // of a fixed size: it does not fail
	}
	// What comes before the seal; the last word is alone.
	facts := bytes[:(words-1)*4]
	return s.pairs(append(slices.Clip(facts), 0, 0, 0, 0), 0)
}

// ingressSeal is ingress_seal of bpf/fast.h.
func (s *secrets) ingressSeal(key *bpf.ABIIngressKey, v *bpf.ABIIngress) uint64 {
	var bytes []byte
	for _, part := range []any{key, v.Ifindex, v.Mac, v.Pad} {
		bytes, _ = binary.Append(bytes, binary.NativeEndian, part)
	}
	return s.pairs(append(bytes, 0, 0, 0, 0), 0)
}

// A source's sum, to which is added that of a block of destinations or of the rest of a selector.

func (s *secrets) sourceSum(p netip.Prefix) uint64 {
	hostbits := uint32(p.Addr().BitLen() - p.Bits())
	sum := s.address(p.Addr(), hostbits, 0)
	if p.Addr().Is6() {
		sum += s.pair(hostbits, 0, 4)
	}
	return sum
}

// blockSum is that of an address's block of so many bits.
func (s *secrets) blockSum(a netip.Addr, bits int) uint64 {
	if a.Is4() {
		return s.address(netip.PrefixFrom(a, bits).Masked().Addr(), uint32(bits), 6)
	}
	block := netip.PrefixFrom(a, bits).Masked().Addr().As16()
	return s.pairs(block[:8], 6) + s.pair(uint32(bits), 0, 8)
}

// slotSum is that of what a selector has beside its source.
func (s *secrets) slotSum(sel eroute.Selector) uint64 {
	kind := uint32(fixedBits(sel)+sel.Dst.Bits())<<8 | uint32(sel.Proto)
	ports := uint32(bePort(sel.SrcPort)) | uint32(bePort(sel.DstPort))<<16
	if sel.Dst.Addr().Is4() {
		return s.address(sel.Dst.Addr(), kind, 10) + s.pair(ports, 0, 12)
	}
	return s.address(sel.Dst.Addr(), 0, 10) + s.pair(kind, ports, 14)
}

func fixedBits(s eroute.Selector) int {
	if s.Src.Addr().Is4() {
		return int(bpf.ABILimitsROW4FIXED_BITS)
	}
	return int(bpf.ABILimitsROW6FIXED_BITS)
}

// chooseSecrets chooses those of the hashes.
func chooseSecrets(meta *bpf.ABITableMeta) error {
	for _, secret := range []any{&meta.Factors, &meta.Keys} {
		if err := binary.Read(rand.Reader, binary.NativeEndian, secret); err != nil {
			return fmt.Errorf("choose the hashes' secrets: %w", err)
		}
	}
	for i := range meta.Factors {
		meta.Factors[i] |= 1
	}
	return nil
}
