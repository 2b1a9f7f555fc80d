// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// maxExamples is the number of prefixes or eroutes that a finding lists.
const maxExamples = 3

// Exit is an interface that is not watched, and to which routes for destinations of protected packets lead.
type Exit struct {
	Dev  string
	Dsts []netip.Prefix // some of the destinations
	// Inside: those destinations are sources of the eroutes, too, as on the protected side of the gateway.
	Inside bool
}

// isProtected reports whether packets that match an eroute must not leave in clear.
func isProtected(a eroute.Action) bool { return a != eroute.ActionPass }

// gatherProtected compares the destinations of protected packets with the routes to interfaces that are not
// watched, and notes eroutes whose packets NAT can keep from matching.
func (f *Facts) gatherProtected(t *maps.Table) error {
	if !f.anyWatched() {
		return nil
	}
	f.BlindToNAT = !loader.SeesNAT()
	translated := f.reason("translated") > 0
	exits := newExits(f)
	policies, err := f.policiesBefore()
	if err != nil {
		return err
	}
	keep := func(s eroute.Selector) bool {
		if s.Src.Addr().Is4() {
			f.Eroutes4 = true
		} else {
			f.Eroutes6 = true
		}
		return translated && len(f.Translated) < maxExamples || exits.concern(s) || f.Preceding == nil && preceding(policies, s) != nil
	}
	for e, err := range t.Matching(keep) {
		if err != nil {
			return err
		}
		if f.Preceding == nil && !e.Followed && e.SAID != eroute.XFRM {
			f.Preceding = preceding(policies, e.Selector)
		}
		if !isProtected(e.SAID.Action()) {
			continue
		}
		if translated && len(f.Translated) < maxExamples && !slices.Contains(f.Translated, e.Selector) {
			f.Translated = append(f.Translated, e.Selector)
		}
		exits.add(e.Selector)
	}
	f.Exits = exits.list()
	return nil
}

// exits finds the routes to interfaces that are not watched which overlap with a prefix.
type exits struct {
	routes []Route                  // by destination, each with one interface
	to     map[netip.Prefix][]Route // by destination
	found  map[string]*Exit
	done   map[netip.Prefix]bool // destinations whose exits are all known, none of them Inside
}

func newExits(f *Facts) *exits {
	x := &exits{to: map[netip.Prefix][]Route{}, found: map[string]*Exit{}, done: map[netip.Prefix]bool{}}
	for _, r := range f.Routes {
		for _, dev := range r.devs() {
			if f.isExit(dev) && !isLinkScope(r.Dst) {
				r.Dev = dev
				x.routes = append(x.routes, r)
				x.to[r.Dst] = append(x.to[r.Dst], r)
			}
		}
	}
	slices.SortFunc(x.routes, func(a, b Route) int { return a.Dst.Addr().Compare(b.Dst.Addr()) })
	return x
}

// isLinkScope reports whether packets to a prefix never match the table, see bpf/link_scope.h.
func isLinkScope(dst netip.Prefix) bool {
	a := dst.Addr()
	return a.Is6() && (a.IsLinkLocalUnicast() || a.IsMulticast())
}

// overlapping yields the routes that contain a prefix or are in it.
func (x *exits) overlapping(dst netip.Prefix, yield func(Route) bool) {
	for bits := range dst.Bits() {
		wider, _ := dst.Addr().Prefix(bits)
		for _, r := range x.to[wider] {
			if !yield(r) {
				return
			}
		}
	}
	first, _ := slices.BinarySearchFunc(x.routes, dst.Addr(), func(r Route, a netip.Addr) int { return r.Dst.Addr().Compare(a) })
	for _, r := range x.routes[first:] {
		if !dst.Contains(r.Dst.Addr()) {
			return
		}
		if r.Dst.Bits() >= dst.Bits() && !yield(r) {
			return
		}
	}
}

// concern reports whether add has something to add.
func (x *exits) concern(s eroute.Selector) (any bool) {
	if !x.done[s.Dst] {
		x.overlapping(s.Dst, func(Route) bool { any = true; return false })
	}
	return any
}

// add notes the interfaces that packets of a protected selector can leave through.
func (x *exits) add(s eroute.Selector) {
	if x.done[s.Dst] {
		return
	}
	done := true
	x.overlapping(s.Dst, func(r Route) bool {
		dst := s.Dst
		if r.Dst.Bits() > dst.Bits() {
			dst = r.Dst
		}
		inside := s.Src.Bits() > 0 && s.Src.Contains(dst.Addr()) && s.Src.Bits() <= dst.Bits()
		x.note(r.Dev, dst, inside)
		done = done && !inside
		return true
	})
	x.done[s.Dst] = done
}

// note notes a destination. Those that are not inside replace those that are.
func (x *exits) note(dev string, dst netip.Prefix, inside bool) {
	e := x.found[dev]
	switch {
	case e == nil || e.Inside && !inside:
		x.found[dev] = &Exit{dev, []netip.Prefix{dst}, inside}
	case e.Inside == inside && len(e.Dsts) < maxExamples && !slices.Contains(e.Dsts, dst):
		e.Dsts = append(e.Dsts, dst)
	}
}

// list returns what was found, by interface.
func (x *exits) list() (all []Exit) {
	for _, e := range x.found {
		slices.SortFunc(e.Dsts, netip.Prefix.Compare)
		all = append(all, *e)
	}
	slices.SortFunc(all, func(a, b Exit) int { return cmp.Compare(a.Dev, b.Dev) })
	return all
}
