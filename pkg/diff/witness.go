// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// find returns a packet of b that is in none of the boxes of except. Returns false if there is none.
//
// There is always a protocol and ports that no exception names: 0, which a packet can have and no selector can
// name. So only exceptions that contain all protocols and ports of b can cover b, and those are rectangles of
// prefixes.
func (d *differ) find(b *box, except []box) (p eroute.Packet, some bool) {
	var all []dsts // exceptions that apply to a part of the sources
	s := search{v6: d.v6, work: d.work, dst: b.dst}
	for i := range except {
		e := &except[i]
		if !e.ports.contains(b.ports) || !meets(e.dst, b.dst) {
			continue
		}
		switch {
		case e.src.contains(b.src):
			s.all = append(s.all, e.dst)
		case b.src.contains(e.src):
			all = append(all, dsts{e.src, e.dst})
		}
	}
	slices.SortFunc(all, func(a, b dsts) int { return a.src.compareShorter(b.src) })
	src, dst, some := s.find(b.src, all)
	if !some {
		return p, false
	}
	p.Src, p.Dst = src.netip(d.v6), dst.netip(d.v6)
	var named []ports
	for i := range except {
		e := &except[i]
		if e.src.contains(prefix{src, 128}) && e.dst.contains(prefix{dst, 128}) {
			named = append(named, e.ports)
		}
	}
	p.Proto, p.SrcPort, p.DstPort = unnamed(b.ports, named, d.v6)
	return p, true
}

func meets(p, q prefix) bool { return p.contains(q) || q.contains(p) }

// compareShorter sorts by address, shorter prefix first.
func (p prefix) compareShorter(q prefix) int {
	if c := p.addr.compare(q.addr); c != 0 {
		return c
	}
	return int(p.bits) - int(q.bits)
}

// dsts excludes all packets from src to dst.
type dsts struct{ src, dst prefix }

// search looks for a source and a destination that are not excluded.
type search struct {
	v6   bool
	work *budget
	dst  prefix   // destinations to search
	all  []prefix // destinations that are excluded for all current sources
}

// find looks for a source in src. all is sorted; its sources are longer prefixes in src.
//
// A source outside all of them has the fewest exclusions. So if there is one, no other need be tried; if not, each
// of the longest prefixes that cover src is tried.
func (s *search) find(src prefix, all []dsts) (from, to addr, some bool) {
	s.work.spend(len(all) + len(s.all) + 1)
	if from, some = gap(src, len(all), func(i int) prefix { return all[i].src }, s.v6); some {
		sorted := slices.Clone(s.all)
		slices.SortFunc(sorted, prefix.compareShorter)
		to, some = gap(s.dst, len(sorted), func(i int) prefix { return sorted[i] }, s.v6)
		return from, to, some
	}
	for len(all) > 0 && !s.work.over {
		n, child := 0, all[0].src
		outer := len(s.all)
		for n < len(all) && all[n].src == child {
			s.all = append(s.all, all[n].dst)
			n++
		}
		same := n
		for n < len(all) && child.contains(all[n].src) {
			n++
		}
		from, to, some = s.find(child, all[same:n])
		if some {
			return from, to, true
		}
		s.all, all = s.all[:outer], all[n:]
	}
	return from, to, false
}

// gap returns an address of p that is in none of n prefixes, sorted by address and shorter first. Prefers the
// second of consecutive free addresses to the first, which may be a network address.
func gap(p prefix, n int, at func(int) prefix, v6 bool) (addr, bool) {
	first, end := p.addr, p.addr.last(p.bits, v6)
	for i := range n {
		q := at(i)
		last := q.addr.last(q.bits, v6)
		if last.compare(first) < 0 {
			continue
		}
		if q.addr.compare(first) > 0 {
			end = q.addr // at least one before it is free
			if second := first.next(v6); second.compare(end) < 0 {
				return second, true
			}
			return first, true
		}
		if last.compare(end) >= 0 {
			return addr{}, false
		}
		first = last.next(v6)
	}
	if second := first.next(v6); first.compare(end) < 0 {
		return second, true
	}
	return first, true
}

// Preferred ports of witnesses: an ephemeral one, and a server's.
const (
	anyClient = 49152
	anyServer = 443
)

// unnamed returns a protocol and ports of p that are in none of named, of which none contains all of p.
func unnamed(p ports, named []ports, v6 bool) (proto uint8, src, dst uint16) {
	proto, src, dst = p.proto, p.src, p.dst
	if proto == 0 {
		icmp := uint8(1)
		if v6 {
			icmp = 58
		}
		is := func(proto uint8) bool {
			return !slices.ContainsFunc(named, func(q ports) bool { return q.proto == proto })
		}
		if proto = icmp; is(proto) {
			return proto, 0, 0
		}
		for proto = 255; proto > 0 && !is(proto); proto-- {
		}
		return proto, 0, 0
	}
	if proto != eroute.ProtoTCP && proto != eroute.ProtoUDP {
		return proto, 0, 0
	}
	if src == 0 {
		src = unnamedPort(anyClient, named, func(q ports) uint16 { return q.src })
	}
	if dst == 0 {
		dst = unnamedPort(anyServer, named, func(q ports) uint16 { return q.dst })
	}
	return proto, src, dst
}

// unnamedPort returns a port that none of named has, counting up from a preferred one; 0 is the last tried.
func unnamedPort(port uint16, named []ports, of func(ports) uint16) uint16 {
	for port != 0 && slices.ContainsFunc(named, func(q ports) bool { return of(q) == port }) {
		port++
	}
	return port
}
