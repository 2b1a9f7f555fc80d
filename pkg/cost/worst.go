// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Table holds the eroutes of a table. Its zero value is empty.
type Table struct {
	families [len(families)][]eroute.Selector
}

// Add adds an eroute.
func (t *Table) Add(s eroute.Selector) {
	i := 0
	if s.Src.Addr().Is6() {
		i = 1
	}
	t.families[i] = append(t.families[i], s)
}

// Worst is the packet of an address family whose lookup takes the most time.
type Worst struct {
	Packet  eroute.Packet   // with ports that no eroute of its sources names
	Flows   []eroute.Packet // that packet and others with different ports or protocol: they need the same work
	Lookups int             // probes of the index, and lookups in the tries after Steps of them
	Time    time.Duration   // estimated
	AtMost  time.Duration   // upper bound for all packets; more than Time if the search was cut short
	Sources []Source        // visited by the lookup, the longest first
}

// Source is a source prefix that a lookup visits.
type Source struct {
	Prefix  netip.Prefix
	Eroutes int
}

// Expensive returns the worst packet of each family that has packets over [Limit4] or [Limit6].
func (t *Table) Expensive() (all []Worst) {
	for i := range families {
		if w, ok := find(&families[i], t.families[i], int(families[i].time.limit)); ok {
			all = append(all, w)
		}
	}
	return all
}

// kind is a class of packets that match the same eroutes, given source and destination.
type kind struct {
	proto  uint8
	tuples uint8
}

// kindsOf returns the kinds of packets that need the most work: those of protocols with ports, with ports that no
// eroute names, and those of one protocol that no eroute names.
func kindsOf(all []eroute.Selector) []kind {
	var n names
	for _, e := range all {
		n.protos[e.Proto] = true
	}
	kinds := []kind{{eroute.ProtoTCP, tuplesOf(true)}, {eroute.ProtoUDP, tuplesOf(true)}}
	for proto := range n.unnamed {
		return append(kinds, kind{proto, tuplesOf(false)})
	}
	return kinds
}

// effort is the number of sources that a search visits before it is cut short: less than a second.
const effort = 1 << 18

// search searches for the worst packet.
type search struct {
	family *family
	kinds  []kind
	best   found
	effort int // remaining
}

// found is the worst packet so far.
type found struct {
	source  *source
	visited int
	packet  eroute.Packet
	lookups int
	ns      int
}

// find returns the worst packet, false if no packet exceeds the limit, in nanoseconds.
func find(f *family, all []eroute.Selector, limit int) (w Worst, ok bool) {
	sources := sourcesOf(all)
	sources = slices.DeleteFunc(sources, func(s *source) bool {
		_, ns := s.most.total(&f.time)
		return ns <= limit
	})
	slices.SortStableFunc(sources, func(a, b *source) int {
		_, x := a.most.total(&f.time)
		_, y := b.most.total(&f.time)
		return cmp.Compare(y, x)
	})
	s := search{family: f, kinds: kindsOf(all), effort: effort}
	s.best.ns = limit
	rest := limit
	for _, source := range sources {
		_, most := source.most.total(&f.time)
		if most <= s.best.ns {
			break
		}
		if s.effort <= 0 {
			rest = most
			break
		}
		s.try(source)
	}
	if s.best.source == nil && rest <= limit {
		return w, false
	}
	return s.result(rest), true
}

func (s *search) result(rest int) Worst {
	b := &s.best
	w := Worst{Packet: b.packet, Lookups: b.lookups, AtMost: time.Duration(max(b.ns, rest))}
	if b.source == nil {
		return w
	}
	w.Time = time.Duration(b.ns)
	chain := b.source.chain()[:b.visited]
	if w.Flows = namesOf(chain).flows(b.packet); len(w.Flows) > 0 {
		w.Packet = w.Flows[0]
	}
	for _, visited := range chain {
		w.Sources = append(w.Sources, Source{visited.prefix, len(visited.eroutes)})
	}
	return w
}

// try evaluates the packets whose longest matching source is this one.
func (s *search) try(from *source) {
	src, ok := from.address()
	if !ok {
		return
	}
	chain := from.chain()
	_, most := from.most.total(&s.family.time)
	tried := map[netip.Prefix]bool{}
	try := func(block netip.Prefix) bool {
		if tried[block] {
			return true
		}
		tried[block] = true
		for _, k := range s.kinds {
			s.walk(chain, src, block, k.proto, k.tuples)
		}
		return s.effort > 0 && s.best.ns < most
	}
	for _, visited := range chain {
		for block := range visited.destinations().blocks {
			if !try(block) {
				return
			}
		}
	}
	everywhere, _ := src.Prefix(0)
	try(everywhere)
}

// walk finds the packet to a block of destinations whose first matching eroute comes last.
func (s *search) walk(chain []*source, src netip.Addr, block netip.Prefix, proto, tuples uint8) {
	var sum work
	at := found{source: chain[0]}
	uncovered := cover{root: block}
	for _, visited := range chain {
		dst, ok := uncovered.free()
		if !ok {
			break
		}
		s.effort--
		at.visited++
		at.packet = eroute.Packet{Src: src, Dst: dst, Proto: proto}
		n := visited.destinations()
		sum = sum.plus(visited.work(n.at(block), tuples, n.lengths))
		n.overlapping(block, proto, uncovered.add)
	}
	if at.lookups, at.ns = sum.total(&s.family.time); at.ns > s.best.ns {
		s.best = at
	}
}
