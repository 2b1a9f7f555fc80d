// SPDX-License-Identifier: Apache-2.0

package tries

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Generation is a complete table: for each family a trie of source prefixes and a trie of eroutes.
type Generation struct {
	src4, entry4, src6, entry6 *ebpf.Map
}

// Close closes the tries. They stay in the table.
func (g *Generation) Close() error {
	var errs []error
	for _, m := range []*ebpf.Map{g.src4, g.entry4, g.src6, g.entry6} {
		if m != nil {
			errs = append(errs, m.Close())
		}
	}
	return errors.Join(errs...)
}

func (g *Generation) entryTrie(a netip.Addr) *ebpf.Map {
	if a.Is4() {
		return g.entry4
	}
	return g.entry6
}

func (g *Generation) sourceTrie(a netip.Addr) *ebpf.Map {
	if a.Is4() {
		return g.src4
	}
	return g.src6
}

// Entry returns the eroute with exactly this selector. A trie returns the longest match; the prefix length in
// the value shows whether it is exact.
func (g *Generation) Entry(s eroute.Selector) (*bpf.ABIErouteValue, bool, error) {
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

// DeleteEntry deletes the eroute with this selector.
func (g *Generation) DeleteEntry(s eroute.Selector) error {
	if err := g.entryTrie(s.Src.Addr()).Delete(abi.NewEntryKey(s)); err != nil {
		return fmt.Errorf("delete eroute: %w", err)
	}
	return nil
}
