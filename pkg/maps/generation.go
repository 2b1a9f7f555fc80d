// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// generation is a complete table: for each family a trie of source prefixes and a trie of eroutes.
type generation struct {
	src4, entry4, src6, entry6 *ebpf.Map
}

func (t *Table) openGeneration(number uint32) (g *generation, err error) {
	g = &generation{}
	for i, to := range []**ebpf.Map{&g.src4, &g.entry4, &g.src6, &g.entry6} {
		name := generationMaps[i]
		if *to, err = pinned.OpenInner(t.dir, t.maps[name], name, number, t.options); err != nil {
			_ = g.Close()
			return nil, fmt.Errorf("open generation %d of %s: %w", number, name, err)
		}
	}
	return g, nil
}

func (g *generation) Close() error {
	var errs []error
	for _, m := range []*ebpf.Map{g.src4, g.entry4, g.src6, g.entry6} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	return errors.Join(errs...)
}

func (g *generation) entryTrie(a netip.Addr) *ebpf.Map {
	if a.Is4() {
		return g.entry4
	}
	return g.entry6
}

func (g *generation) sources(a netip.Addr) *ebpf.Map {
	if a.Is4() {
		return g.src4
	}
	return g.src6
}

// entry returns the eroute with exactly this selector. A trie returns the longest match; the prefix length in
// the value shows whether it is exact.
func (g *generation) entry(s eroute.Selector) (*bpf.ABIErouteValue, bool, error) {
	var v bpf.ABIErouteValue
	err := g.entryTrie(s.Src.Addr()).Lookup(abi.NewEntryKey(s), &v)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("look eroute up: %w", err)
	}
	return &v, int(v.DstPrefixlen) == s.Dst.Bits(), nil
}

func (g *generation) deleteEntry(s eroute.Selector) error {
	if err := g.entryTrie(s.Src.Addr()).Delete(abi.NewEntryKey(s)); err != nil {
		return fmt.Errorf("delete eroute: %w", err)
	}
	return nil
}

// tupleCounts is the number of eroutes of each tuple below a source prefix.
type tupleCounts [bpf.ABIErouteTupleTUPLES]uint32

// covers reports whether n has every tuple that other has.
func (n tupleCounts) covers(other tupleCounts) bool {
	for i, count := range other {
		if count > 0 && n[i] == 0 {
			return false
		}
	}
	return true
}

func newTupleCounts(v *bpf.ABISrcValue) (n tupleCounts) {
	for i, refs := range v.Refs {
		n[i] = uint32(refs[0]) | uint32(refs[1])<<8 | uint32(refs[2])<<16
	}
	return n
}

func newSrcValue(p netip.Prefix, n tupleCounts) bpf.ABISrcValue {
	v := bpf.ABISrcValue{Prefixlen: uint8(p.Bits())}
	for i, count := range n {
		v.Refs[i] = [3]uint8{uint8(count), uint8(count >> 8), uint8(count >> 16)}
	}
	return v
}

// source returns the counts of exactly this source prefix, or zero if it has no eroutes.
func (g *generation) source(p netip.Prefix) (tupleCounts, error) {
	var v bpf.ABISrcValue
	err := g.sources(p.Addr()).Lookup(abi.NewSourceKey(p), &v)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		return tupleCounts{}, fmt.Errorf("look source prefix up: %w", err)
	}
	if err != nil || int(v.Prefixlen) != p.Bits() {
		return tupleCounts{}, nil
	}
	return newTupleCounts(&v), nil
}

// putSource writes the counts of a source prefix, or deletes the prefix if it has no eroutes.
func (g *generation) putSource(p netip.Prefix, n tupleCounts) error {
	tries := g.sources(p.Addr())
	if n == (tupleCounts{}) {
		if err := tries.Delete(abi.NewSourceKey(p)); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return fmt.Errorf("delete source prefix: %w", err)
		}
		return nil
	}
	if err := tries.Put(abi.NewSourceKey(p), newSrcValue(p, n)); err != nil {
		return fmt.Errorf("write source prefix: %w", err)
	}
	return nil
}
