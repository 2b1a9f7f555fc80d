// SPDX-License-Identifier: Apache-2.0

package explain

import (
	"net/netip"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// matcher finds the eroutes that match each packet of a set, in one pass over the table. Packets are sorted by
// source, so that each eroute is compared only with those in its source prefix.
type matcher struct {
	order   []int // indices of packets, by source
	packets []eroute.Packet
}

func newMatcher(packets []eroute.Packet) *matcher {
	m := &matcher{packets: packets, order: make([]int, len(packets))}
	for i := range m.order {
		m.order[i] = i
	}
	slices.SortFunc(m.order, func(i, j int) int { return packets[i].Src.Compare(packets[j].Src) })
	return m
}

// each calls f with the index of every packet that the selector matches, until f returns
// false.
func (m *matcher) each(s eroute.Selector, f func(i int) bool) {
	first, _ := slices.BinarySearchFunc(m.order, s.Src.Addr(), func(i int, a netip.Addr) int { return m.packets[i].Src.Compare(a) })
	for _, i := range m.order[first:] {
		if !s.Src.Contains(m.packets[i].Src) {
			return
		}
		if s.Matches(m.packets[i]) && !f(i) {
			return
		}
	}
}

// match returns the eroutes that match each packet, most specific first.
func (m *matcher) match(t Table) ([][]eroute.Eroute, error) {
	all := make([][]eroute.Eroute, len(m.packets))
	wanted := func(s eroute.Selector) (any bool) {
		m.each(s, func(int) bool { any = true; return false })
		return any
	}
	for e, err := range t.Matching(wanted) {
		if err != nil {
			return nil, err
		}
		m.each(e.Selector, func(i int) bool { all[i] = append(all[i], e); return true })
	}
	for _, matches := range all {
		slices.SortFunc(matches, func(a, b eroute.Eroute) int { return eroute.MoreSpecific(a.Selector, b.Selector) })
	}
	return all, nil
}
