// SPDX-License-Identifier: Apache-2.0

package tries

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// Sources holds the changes of a writer to the counts of source prefixes. Packets look up only the tuples that
// are written there. A new tuple is written before its first eroute; all else is written once, after the last
// change.
type Sources struct {
	gen       *Generation
	uncounted *pinned.Shortage
	touched   map[netip.Prefix]*source
}

type source struct {
	now     TupleCounts
	written TupleCounts
}

// maxTouched limits the number of source prefixes that FlushIfMany leaves in memory.
const maxTouched = 65536

// NewSources returns an empty list of changes to the source prefixes of a generation. uncounted is set if there is
// no memory to write lower counts.
func NewSources(g *Generation, uncounted *pinned.Shortage) *Sources {
	return &Sources{gen: g, uncounted: uncounted, touched: make(map[netip.Prefix]*source)}
}

func (s *Sources) of(p netip.Prefix) (*source, error) {
	if src := s.touched[p]; src != nil {
		return src, nil
	}
	v, err := s.gen.Source(p)
	if err != nil {
		return nil, err
	}
	src := &source{now: v, written: v}
	s.touched[p] = src
	return src, nil
}

// Add counts an eroute before it is visible.
func (s *Sources) Add(sel eroute.Selector) error {
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

// Drop uncounts an eroute after it is deleted.
func (s *Sources) Drop(sel eroute.Selector) error {
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

func (s *Sources) write(p netip.Prefix, src *source) error {
	src.written = src.now
	return s.gen.putSource(p, src.now)
}

// Flush writes the remaining changes.
func (s *Sources) Flush() error {
	var errs pinned.ErrorList
	for p, src := range s.touched {
		if src.now != src.written {
			errs.Add(s.uncounted.Tolerate(s.write(p, src)))
		}
	}
	return errs.Err()
}

// FlushIfMany writes the remaining changes and frees their memory if there are many source prefixes.
func (s *Sources) FlushIfMany() error {
	if len(s.touched) <= maxTouched {
		return nil
	}
	if err := s.Flush(); err != nil {
		return err
	}
	clear(s.touched)
	return nil
}
