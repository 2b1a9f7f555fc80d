// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"iter"
	"net/netip"
	"slices"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Filter selects the eroutes of a listing: by family, by prefixes that contain source and destination, by SAID,
// and by number of packets. Zero fields match all.
type Filter struct {
	family   eroute.Family
	src, dst netip.Prefix
	said     eroute.SAID
	packets  uint64 // minimum
}

// Filter parses the filter options.
func (r *Parser) Filter(p *cli.Parsed) (f Filter, err error) {
	fields := selectorFieldsOf(p)
	if f.family, err = fields.family(); err != nil {
		return f, err
	}
	for _, end := range []struct {
		cli.Field
		prefix *netip.Prefix
	}{{fields.src, &f.src}, {fields.dst, &f.dst}} {
		if !end.Given() {
			continue
		}
		if *end.prefix, err = r.prefix(end.Text, f.family); err != nil {
			return f, end.Refuse(err)
		}
		f.family = eroute.FamilyOf(end.prefix.Addr())
	}
	if n := p.Field(OptMinPackets); n.Given() {
		if f.packets, err = eroute.ParseNumber(n.Text, 64); err != nil {
			return f, n.Refuse(err)
		}
	}
	f.said, err = r.said(p)
	return f, err
}

func (f *Filter) matches(e *eroute.Eroute) bool {
	s := e.Selector
	return (f.family == 0 || f.family == eroute.FamilyOf(s.Src.Addr())) &&
		within(s.Src, f.src) && within(s.Dst, f.dst) &&
		(f.said == eroute.SAID{} || f.said == e.SAID || names(e.SAID, f.said)) &&
		f.packets <= e.Packets
}

// names reports whether a SAID names an SA: alone, in a bundle or in a group.
func names(said, sa eroute.SAID) bool {
	return slices.ContainsFunc(said.SAs(), func(m eroute.SAID) bool { return m == sa || slices.Contains(m.Bundle(), sa) })
}

// within reports whether a prefix lies in another one; the zero prefix contains all.
func within(p, outer netip.Prefix) bool {
	return !outer.IsValid() || eroute.ContainsPrefix(outer, p)
}

// Of yields the eroutes that the filter matches, and errors.
func (f *Filter) Of(all iter.Seq2[eroute.Eroute, error]) iter.Seq2[eroute.Eroute, error] {
	return func(yield func(eroute.Eroute, error) bool) {
		for e, err := range all {
			if (err != nil || f.matches(&e)) && !yield(e, err) {
				return
			}
		}
	}
}
