// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/index"
)

// source is a source prefix with its eroutes.
type source struct {
	family   *family
	prefix   netip.Prefix
	parent   *source // the longest prefix that contains it; nil: none
	eroutes  []eroute.Selector
	depth    int     // number of sources that contain it
	branches int     // number of distinct addresses of these and it
	all      summary // of its destinations
	most     work    // upper bound for it and the sources that contain it
	children []netip.Prefix
	near     *near // created on first use
}

// near is the index's view of a source's destinations.
type near struct {
	blocks  map[netip.Prefix]summary
	wide    summary           // of destinations too short for a block, if any
	matches []eroute.Selector // eroutes without ports, by destination, shorter prefix first
	lengths uint64            // groups of prefix lengths of matches
}

// sourcesOf returns the sources of the eroutes of one family, each after those that contain it. It sorts the
// eroutes.
func sourcesOf(all []eroute.Selector) []*source {
	slices.SortFunc(all, func(a, b eroute.Selector) int { return comparePrefixes(a.Src, b.Src) })
	var sources []*source
	var last *source
	for start := 0; start < len(all); {
		end := start + 1
		for end < len(all) && all[end].Src == all[start].Src {
			end++
		}
		s := &source{family: familyOf(all[start].Src.Addr()), prefix: all[start].Src, eroutes: all[start:end:end]}
		for last != nil && !last.prefix.Contains(s.prefix.Addr()) {
			last = last.parent
		}
		s.join(last)
		sources, last, start = append(sources, s), s, end
	}
	return sources
}

// comparePrefixes sorts prefixes by address, then the shorter first.
func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// join makes a source a child of the one that contains it.
func (s *source) join(parent *source) {
	s.branches = 1
	var above work
	if s.parent = parent; parent != nil {
		s.depth, s.branches, above = parent.depth+1, parent.branches, parent.most
		if parent.prefix.Addr() != s.prefix.Addr() {
			s.branches++
		}
		parent.children = append(parent.children, s.prefix)
	}
	var matching uint64
	for _, e := range s.eroutes {
		of := summaryOf(e)
		s.all.add(of)
		if of.tuples&unported != 0 {
			matching |= of.lengths
		}
	}
	s.most = above.plus(s.work(s.all, s.all.tuples, matching))
}

// work returns the work of a visit to the source by a packet with these tuples, given the summary of the
// destinations near it. matching holds the groups of prefix lengths of eroutes without ports.
func (s *source) work(near summary, tuples uint8, matching uint64) (w work) {
	f := s.family
	if n := f.probes(near, tuples); n > 0 {
		w.probes = n + 1
	}
	entries := tupleCount(s.all.tuples & tuples)
	w.lookups = 1 + entries
	w.nodes = s.depth + 1 + entries*s.branches + tupleCount(s.all.tuples&unported)*f.count(matching)
	return w
}

// chain returns the source and those that contain it, the longest first.
func (s *source) chain() (all []*source) {
	for ; s != nil; s = s.parent {
		all = append(all, s)
	}
	return all
}

// address returns an address whose longest matching source is this one, false if there is none.
func (s *source) address() (netip.Addr, bool) {
	c := cover{root: s.prefix}
	for _, p := range s.children {
		c.add(p)
	}
	return c.free()
}

// destinations returns the index's view of the source's destinations.
func (s *source) destinations() *near {
	if s.near != nil {
		return s.near
	}
	n := &near{blocks: map[netip.Prefix]summary{}}
	for _, e := range s.eroutes {
		of := summaryOf(e)
		if block, ok := blockOf(e.Dst); ok {
			have := n.blocks[block]
			have.add(of)
			n.blocks[block] = have
		} else {
			n.wide.lengths |= of.lengths
			n.wide.tuples = s.all.tuples
		}
		if of.tuples&unported != 0 {
			n.matches = append(n.matches, e)
			n.lengths |= of.lengths
		}
	}
	slices.SortFunc(n.matches, func(a, b eroute.Selector) int { return comparePrefixes(a.Dst, b.Dst) })
	s.near = n
	return n
}

// at returns the summary of the destinations near a packet's destination, which lies in a block.
func (n *near) at(block netip.Prefix) summary {
	at := n.wide
	largest, smallest, step := index.Blocks(block.Addr())
	for bits := largest; bits <= min(smallest, block.Bits()); bits += step {
		at.add(n.blocks[netip.PrefixFrom(block.Addr(), bits).Masked()])
	}
	return at
}

// overlapping yields the destinations of eroutes without ports that match packets of a protocol to some address of
// a block.
func (n *near) overlapping(block netip.Prefix, proto uint8, yield func(netip.Prefix)) {
	visit := func(p netip.Prefix, inside bool) {
		i, _ := slices.BinarySearchFunc(n.matches, p, func(e eroute.Selector, p netip.Prefix) int { return comparePrefixes(e.Dst, p) })
		for ; i < len(n.matches); i++ {
			e := &n.matches[i]
			if e.Dst != p && (!inside || !p.Contains(e.Dst.Addr())) {
				return
			}
			if e.Proto == 0 || e.Proto == proto {
				yield(e.Dst)
			}
		}
	}
	for bits := range block.Bits() {
		if p := netip.PrefixFrom(block.Addr(), bits).Masked(); n.lengths&index.LenBit(p) != 0 {
			visit(p, false)
		}
	}
	visit(block, true)
}
