// SPDX-License-Identifier: Apache-2.0

package tries

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// TupleCounts is the number of eroutes of each tuple below a source prefix.
type TupleCounts [bpf.ABIErouteTupleTUPLES]uint32

// covers reports whether n has every tuple that other has.
func (n TupleCounts) covers(other TupleCounts) bool {
	for i, count := range other {
		if count > 0 && n[i] == 0 {
			return false
		}
	}
	return true
}

func newTupleCounts(v *bpf.ABISrcValue) (n TupleCounts) {
	for i, refs := range v.Refs {
		n[i] = uint32(refs[0]) | uint32(refs[1])<<8 | uint32(refs[2])<<16
	}
	return n
}

func newSrcValue(p netip.Prefix, n TupleCounts) bpf.ABISrcValue {
	v := bpf.ABISrcValue{Prefixlen: uint8(p.Bits())}
	for i, count := range n {
		v.Refs[i] = [3]uint8{uint8(count), uint8(count >> 8), uint8(count >> 16)}
	}
	return v
}

// Source returns the counts of exactly this source prefix, or zero if it has no eroutes.
func (g *Generation) Source(p netip.Prefix) (TupleCounts, error) {
	var v bpf.ABISrcValue
	err := g.sourceTrie(p.Addr()).Lookup(abi.NewSourceKey(p), &v)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return TupleCounts{}, fmt.Errorf("look source prefix up: %w", err)
	}
	if err != nil || int(v.Prefixlen) != p.Bits() {
		return TupleCounts{}, nil
	}
	return newTupleCounts(&v), nil
}

// putSource writes the counts of a source prefix, or deletes the prefix if it has no eroutes.
func (g *Generation) putSource(p netip.Prefix, n TupleCounts) error {
	trie := g.sourceTrie(p.Addr())
	if n == (TupleCounts{}) {
		if err := trie.Delete(abi.NewSourceKey(p)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("delete source prefix: %w", err)
		}
		return nil
	}
	if err := trie.Put(abi.NewSourceKey(p), newSrcValue(p, n)); err != nil {
		return fmt.Errorf("write source prefix: %w", err)
	}
	return nil
}

// AllSources reads the source prefixes of both families.
func (g *Generation) AllSources() ([]netip.Prefix, error) {
	v4, err := pinned.ReadAll(g.src4, func(k *bpf.ABISrcKey4, _ *bpf.ABISrcValue) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4(k.Addr), int(k.Prefixlen))
	})
	if err != nil {
		return nil, err
	}
	v6, err := pinned.ReadAll(g.src6, func(k *bpf.ABISrcKey6, _ *bpf.ABISrcValue) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom16(k.Addr), int(k.Prefixlen))
	})
	return append(v4, v6...), err
}
