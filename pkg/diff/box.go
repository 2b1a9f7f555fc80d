// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"cmp"
	"encoding/binary"
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// addr is an address of either family; its first bit is the most significant bit of hi. The bits after an IPv4
// address are 0.
type addr struct{ hi, lo uint64 }

func newAddr(a netip.Addr) addr {
	if a.Is4() {
		b := a.As4()
		return addr{hi: uint64(binary.BigEndian.Uint32(b[:])) << 32}
	}
	b := a.As16()
	return addr{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

func (a addr) netip(v6 bool) netip.Addr {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	if v6 {
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

func (a addr) compare(b addr) int {
	if c := cmp.Compare(a.hi, b.hi); c != 0 {
		return c
	}
	return cmp.Compare(a.lo, b.lo)
}

// masked returns the first bits of an address.
func (a addr) masked(bits uint8) addr {
	switch {
	case bits == 0:
		return addr{}
	case bits <= 64:
		return addr{hi: a.hi &^ (1<<(64-bits) - 1)}
	}
	return addr{a.hi, a.lo &^ (1<<(128-bits) - 1)}
}

// last returns the last address of the prefix that begins with a.
func (a addr) last(bits uint8, v6 bool) addr {
	switch {
	case !v6:
		return addr{hi: a.hi | (uint64(1)<<(32-bits)-1)<<32}
	case bits == 0:
		return addr{^uint64(0), ^uint64(0)}
	case bits <= 64:
		return addr{a.hi | (1<<(64-bits) - 1), ^uint64(0)}
	}
	return addr{a.hi, a.lo | (1<<(128-bits) - 1)}
}

// next returns the address after a, which must not be the last one.
func (a addr) next(v6 bool) addr {
	if !v6 {
		return addr{hi: a.hi + 1<<32}
	}
	a.lo++
	if a.lo == 0 {
		a.hi++
	}
	return a
}

// prefix is the source or destination prefix of a selector.
type prefix struct {
	addr addr
	bits uint8
}

// contains reports whether q lies in p.
func (p prefix) contains(q prefix) bool { return p.bits <= q.bits && q.addr.masked(p.bits) == p.addr }

// compare sorts like the listing: by address, longer prefix first.
func (p prefix) compare(q prefix) int {
	if c := p.addr.compare(q.addr); c != 0 {
		return c
	}
	return cmp.Compare(q.bits, p.bits)
}

// ports holds the protocol and ports of a selector; 0 matches all.
type ports struct {
	src, dst uint16
	proto    uint8
}

func (p ports) contains(q ports) bool {
	return (p.proto == 0 || p.proto == q.proto) && (p.src == 0 || p.src == q.src) && (p.dst == 0 || p.dst == q.dst)
}

// meet returns the intersection. Returns false if it is empty.
func (p ports) meet(q ports) (ports, bool) {
	if p.proto == 0 {
		p.proto = q.proto
	}
	if p.src == 0 {
		p.src = q.src
	}
	if p.dst == 0 {
		p.dst = q.dst
	}
	return p, q.contains(p)
}

// set returns the number of fields that are set, for comparing specificity.
func (p ports) set() (n int) {
	if p.proto != 0 {
		n |= 4
	}
	if p.src != 0 {
		n |= 2
	}
	if p.dst != 0 {
		n |= 1
	}
	return n
}

// box is a selector in compact form. Only boxes of the same family are compared.
type box struct {
	src, dst prefix
	ports    ports
}

func newBox(s eroute.Selector) box {
	return box{
		src:   prefix{newAddr(s.Src.Addr()), uint8(s.Src.Bits())},
		dst:   prefix{newAddr(s.Dst.Addr()), uint8(s.Dst.Bits())},
		ports: ports{s.SrcPort, s.DstPort, s.Proto},
	}
}

func (b *box) selector(v6 bool) eroute.Selector {
	return eroute.Selector{
		Src:   netip.PrefixFrom(b.src.addr.netip(v6), int(b.src.bits)),
		Dst:   netip.PrefixFrom(b.dst.addr.netip(v6), int(b.dst.bits)),
		Proto: b.ports.proto, SrcPort: b.ports.src, DstPort: b.ports.dst,
	}
}

// compare sorts like [eroute.Compare].
func (b *box) compare(c *box) int {
	if d := b.src.compare(c.src); d != 0 {
		return d
	}
	if d := b.dst.compare(c.dst); d != 0 {
		return d
	}
	return cmp.Or(cmp.Compare(b.ports.proto, c.ports.proto), cmp.Compare(b.ports.src, c.ports.src), cmp.Compare(b.ports.dst, c.ports.dst))
}

// contains reports whether c is a subset of b.
func (b *box) contains(c *box) bool {
	return b.src.contains(c.src) && b.dst.contains(c.dst) && b.ports.contains(c.ports)
}

// meet returns the intersection, which is a box because prefixes are nested or disjoint. Returns false if it is
// empty.
func (b *box) meet(c *box) (m box, ok bool) {
	if m.src, ok = meetPrefix(b.src, c.src); !ok {
		return m, false
	}
	if m.dst, ok = meetPrefix(b.dst, c.dst); !ok {
		return m, false
	}
	m.ports, ok = b.ports.meet(c.ports)
	return m, ok
}

func meetPrefix(p, q prefix) (prefix, bool) {
	if p.bits < q.bits {
		p, q = q, p
	}
	return p, q.contains(p)
}

// moreSpecific sorts like [eroute.MoreSpecific].
func (b *box) moreSpecific(c *box) int {
	return cmp.Or(cmp.Compare(c.src.bits, b.src.bits), cmp.Compare(c.dst.bits, b.dst.bits), cmp.Compare(c.ports.set(), b.ports.set()))
}

// isV6 reports whether an address is IPv6.
func isV6(a netip.Addr) bool { return a.Is6() }
