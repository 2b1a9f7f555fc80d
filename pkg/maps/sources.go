// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// sources holds the changes of a writer to the counts of source prefixes. Packets look up only the tuples that
// are written there. A new tuple is written before its first eroute; all else is written once, after the last
// change.
type sources struct {
	*Table
	gen     *generation
	touched map[netip.Prefix]*source
}

type source struct {
	now     tupleCounts
	written tupleCounts
}

func newSources(t *Table, g *generation) *sources {
	return &sources{Table: t, gen: g, touched: make(map[netip.Prefix]*source)}
}

func (s *sources) of(p netip.Prefix) (*source, error) {
	if src := s.touched[p]; src != nil {
		return src, nil
	}
	v, err := s.gen.source(p)
	if err != nil {
		return nil, err
	}
	src := &source{now: v, written: v}
	s.touched[p] = src
	return src, nil
}

// add counts an eroute before it is visible.
func (s *sources) add(sel eroute.Selector) error {
	src, err := s.of(sel.Src)
	if err != nil {
		return err
	}
	src.now[abi.TupleOf(sel)]++
	if src.written[abi.TupleOf(sel)] > 0 {
		return nil
	}
	return s.write(sel.Src, src)
}

// drop uncounts an eroute after it is deleted.
func (s *sources) drop(sel eroute.Selector) error {
	if *s.uncounted {
		return nil
	}
	src, err := s.of(sel.Src)
	if err != nil {
		return err
	}
	src.now[abi.TupleOf(sel)]--
	return nil
}

func (s *sources) write(p netip.Prefix, src *source) error {
	src.written = src.now
	return s.gen.putSource(p, src.now)
}

// flush writes the remaining changes.
func (s *sources) flush() error {
	var errs pinned.ErrorList
	for p, src := range s.touched {
		if src.now != src.written {
			errs.Add(s.uncounted.Tolerate(s.write(p, src)))
		}
	}
	return errs.Err()
}
