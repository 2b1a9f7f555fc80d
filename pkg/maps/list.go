// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// entry is an eroute as the tries hold it.
type entry struct {
	selector eroute.Selector
	value    bpf.ABIRowValue
}

// batchSize is how many entries are read from a trie at a time.
const batchSize = 4096

// All yields every eroute with its counters, in the order of the listing. An error
// ends it.
func (t *Table) All() iter.Seq2[eroute.Eroute, error] {
	return func(yield func(eroute.Eroute, error) bool) {
		entries, err := t.gen.entries()
		if err != nil {
			yield(eroute.Eroute{}, err)
			return
		}
		flows, err := t.currentFlows()
		if err != nil {
			yield(eroute.Eroute{}, err)
			return
		}
		entries, held := merge(entries, flows)
		for _, e := range entries {
			var row eroute.Eroute
			if f, ok := held[e.selector]; ok {
				row, err = t.flowEroute(f)
			} else {
				row, err = t.eroute(e)
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// Written yields every eroute that commands have written, in the order of the listing:
// without flows, which traps make by themselves. An error ends it.
func (t *Table) Written() iter.Seq2[eroute.Eroute, error] {
	return func(yield func(eroute.Eroute, error) bool) {
		entries, err := t.gen.entries()
		if err != nil {
			yield(eroute.Eroute{}, err)
			return
		}
		slices.SortFunc(entries, func(a, b entry) int { return eroute.Compare(a.selector, b.selector) })
		for _, e := range entries {
			row, err := t.eroute(e)
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// merge adds the flows to the eroutes of the table, in the order of the listing. A flow
// takes the place of a trap with its selector.
func merge(entries []entry, flows []flowEntry) ([]entry, map[eroute.Selector]flowEntry) {
	bySelector := make(map[eroute.Selector]flowEntry, len(flows))
	for _, f := range flows {
		bySelector[flowSelector(&f.key)] = f
	}
	entries = slices.DeleteFunc(entries, func(e entry) bool {
		_, ok := bySelector[e.selector]
		return ok
	})
	for s, f := range bySelector {
		entries = append(entries, entry{s, f.value.Row})
	}
	slices.SortFunc(entries, func(a, b entry) int { return eroute.Compare(a.selector, b.selector) })
	return entries, bySelector
}

// eroute adds an entry's counters, and how it asks.
func (t *Table) eroute(e entry) (eroute.Eroute, error) {
	c, err := t.counts.read(e.value.Id)
	row := eroute.Eroute{
		Selector: e.selector,
		SAID:     rowSAID(&e.value),
		Packets:  c.Packets,
		Bytes:    c.Bytes,
		LastUsed: monotonicToWall(c.Last),
	}
	if err == nil && row.SAID.Action().IsTrap() {
		row.Ask, err = t.Ask(e.selector)
	}
	return row, err
}

// entries reads the eroutes of both families.
func (g *generation) entries() ([]entry, error) {
	v4, err := g.family(eroute.Inet)
	if err != nil {
		return nil, err
	}
	v6, err := g.family(eroute.Inet6)
	return append(v4, v6...), err
}

// family reads the eroutes of one family.
func (g *generation) family(f eroute.Family) ([]entry, error) {
	if f == eroute.Inet {
		return readTrie(g.row4, func(k *bpf.ABIRowKey4, v *bpf.ABIRowValue) entry {
			return entry{selector4(k), *v}
		})
	}
	return readTrie(g.row6, func(k *bpf.ABIRowKey6, v *bpf.ABIRowValue) entry {
		return entry{selector6(k), *v}
	})
}

// allSources reads the source prefixes of both families.
func (g *generation) allSources() ([]netip.Prefix, error) {
	v4, err := readTrie(g.src4, func(k *bpf.ABISrcKey4, _ *bpf.ABISrcValue) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4(k.Addr), int(k.Prefixlen))
	})
	if err != nil {
		return nil, err
	}
	v6, err := readTrie(g.src6, func(k *bpf.ABISrcKey6, _ *bpf.ABISrcValue) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom16(k.Addr), int(k.Prefixlen))
	})
	return append(v4, v6...), err
}

func readTrie[K, V, E any](trie *ebpf.Map, convert func(*K, *V) E) ([]E, error) {
	var (
		all    []E
		cursor ebpf.MapBatchCursor
		keys   = make([]K, batchSize)
		values = make([]V, batchSize)
	)
	for {
		n, err := trie.BatchLookup(&cursor, keys, values, nil)
		for i := range n {
			all = append(all, convert(&keys[i], &values[i]))
		}
		if errors.Is(err, ebpf.ErrKeyNotExist) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read trie: %w", err)
		}
	}
}
