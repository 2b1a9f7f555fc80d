// SPDX-License-Identifier: Apache-2.0

package tries

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// RepairSources writes the counts of source prefixes where they differ from those of the entries. uncounted is
// set if there is no memory to write lower counts.
func (g *Generation) RepairSources(entries []abi.Entry, uncounted *pinned.Shortage) error {
	want := make(map[netip.Prefix]TupleCounts)
	for _, e := range entries {
		v := want[e.Selector.Src]
		v[abi.TupleOf(e.Selector)]++
		want[e.Selector.Src] = v
	}
	have, err := g.AllSources()
	if err != nil {
		return err
	}
	var errs pinned.ErrorList
	for _, p := range have {
		if _, ok := want[p]; !ok {
			errs.Add(g.putSource(p, TupleCounts{}))
		}
	}
	for p, v := range want {
		now, err := g.Source(p)
		switch {
		case err != nil:
			errs.Add(err)
		case now == v:
		case now.covers(v):
			errs.Add(uncounted.Tolerate(g.putSource(p, v)))
		default: // otherwise packets would miss some of its eroutes
			errs.Add(g.putSource(p, v))
		}
	}
	return errs.Err()
}
