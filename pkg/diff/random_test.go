// SPDX-License-Identifier: Apache-2.0

package diff_test

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// random makes tables and packets of both families that nest and almost match: few addresses, every prefix length,
// few protocols and ports.
type random struct{ *rand.Rand }

func newRandom(t *testing.T) *random { return &random{testenv.Rand(t)} }

// addr returns an address with one of two values per byte, so that prefixes of any length contain several.
func (r *random) addr(v6 bool) netip.Addr {
	var b [16]byte
	for i := range b {
		b[i] = []byte{0x0a, 0x0a, 0x0a, 0x8a}[r.IntN(4)]
	}
	if v6 {
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

// prefix returns a prefix of any length; short ones and the ends of the range are most frequent.
func (r *random) prefix(v6 bool) netip.Prefix {
	a := r.addr(v6)
	length := r.IntN(a.BitLen() + 1)
	switch r.IntN(4) {
	case 0, 1:
		length = r.IntN(6)
	case 2:
		length = []int{0, 1, 2, a.BitLen() - 1, a.BitLen()}[r.IntN(5)]
	}
	return netip.PrefixFrom(a, length).Masked()
}

func (r *random) proto() uint8 { return []uint8{6, 17, 1, 255}[r.IntN(4)] }

func (r *random) port() uint16 { return []uint16{0, 0, 1, 65535}[r.IntN(4)] }

func (r *random) selector(v6 bool) eroute.Selector {
	s := eroute.Selector{Src: r.prefix(v6), Dst: r.prefix(v6)}
	if r.IntN(2) == 0 {
		s.Proto = r.proto()
	}
	if s.Proto == eroute.ProtoTCP || s.Proto == eroute.ProtoUDP {
		s.SrcPort, s.DstPort = r.port(), r.port()
	}
	return s
}

var randomSAIDs = []eroute.SAID{
	eroute.Pass, eroute.Drop, eroute.Reject, eroute.Hold, eroute.Trap, eroute.TrapSubnet, eroute.XFRM, eroute.Pass,
	{Proto: eroute.ProtoTun, SPI: 0x1000, Dst: netip.MustParseAddr("192.0.2.1")},
	{Proto: eroute.ProtoESP, SPI: 0x1001, Dst: netip.MustParseAddr("192.0.2.1")},
	{Proto: eroute.ProtoESP, SPI: 0x1001, Dst: netip.MustParseAddr("2001:db8::1")},
}

func (r *random) said() eroute.SAID { return randomSAIDs[r.IntN(len(randomSAIDs))] }

// tables returns two tables that have some eroutes in common.
func (r *random) tables() (a, b *eroute.Linear) {
	a, b = &eroute.Linear{}, &eroute.Linear{}
	n, same := 1+r.IntN(30), r.IntN(4)
	saids := 1 + r.IntN(len(randomSAIDs)) // few SAIDs: more regions can be merged
	said := func() eroute.SAID { return randomSAIDs[r.IntN(saids)] }
	for range n {
		s, v := r.selector(r.IntN(2) == 0), said()
		if r.IntN(4) == 0 { // adjacent
			for _, e := range a.List() {
				if half := r.half(e.Selector); r.IntN(len(a.List())) == 0 {
					s = half
				}
			}
		}
		if r.IntN(4) >= same {
			a.Replace(s, v)
			b.Replace(s, v)
			continue
		}
		switch r.IntN(3) {
		case 0:
			a.Replace(s, v)
		case 1:
			b.Replace(s, v)
		default:
			a.Replace(s, v)
			b.Replace(s, said())
		}
	}
	return a, b
}

// half returns a selector with the last bit of a prefix inverted.
func (r *random) half(s eroute.Selector) eroute.Selector {
	p := &s.Src
	if r.IntN(2) == 0 {
		p = &s.Dst
	}
	if p.Bits() > 0 {
		*p = netip.PrefixFrom(flip(p.Addr(), p.Bits()-1), p.Bits())
	}
	return s
}

// flip returns an address with one bit inverted.
func flip(a netip.Addr, bit int) netip.Addr {
	b := a.AsSlice()
	b[bit/8] ^= 0x80 >> (bit % 8)
	a, _ = netip.AddrFromSlice(b)
	return a
}

// packet returns a packet that eroutes with these selectors match, or almost match.
func (r *random) packet(known []eroute.Selector) eroute.Packet {
	v6 := r.IntN(2) == 0
	p := eroute.Packet{Src: r.addr(v6), Dst: r.addr(v6), Proto: r.proto()}
	if len(known) > 0 && r.IntN(4) > 0 {
		s := known[r.IntN(len(known))]
		p = eroute.Packet{Src: r.near(s.Src), Dst: r.near(s.Dst), Proto: s.Proto}
		if s.Proto == 0 || r.IntN(8) == 0 {
			p.Proto = r.proto()
		}
	}
	if p.Proto == eroute.ProtoTCP || p.Proto == eroute.ProtoUDP {
		p.SrcPort, p.DstPort = r.port(), r.port()
	}
	return p
}

// near returns an address of a prefix: any, the first, the last, or one just outside.
func (r *random) near(p netip.Prefix) netip.Addr {
	all := append(boundary(p), fill(p, r.addr(p.Addr().Is6())))
	return all[r.IntN(len(all))]
}

// fill returns an address of a prefix with the other bits of a.
func fill(p netip.Prefix, a netip.Addr) netip.Addr {
	b, other := p.Addr().AsSlice(), a.AsSlice()
	for i := p.Bits(); i < 8*len(b); i++ {
		b[i/8] |= other[i/8] & (0x80 >> (i % 8))
	}
	a, _ = netip.AddrFromSlice(b)
	return a
}

// boundary returns the addresses on both sides of a prefix's ends.
func boundary(p netip.Prefix) []netip.Addr {
	ones := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	if p.Addr().Is6() {
		ones = netip.MustParseAddr("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
	}
	last := fill(p, ones)
	all := []netip.Addr{p.Addr(), last}
	for _, a := range []netip.Addr{p.Addr().Prev(), last.Next()} {
		if a.IsValid() {
			all = append(all, a)
		}
	}
	return all
}
