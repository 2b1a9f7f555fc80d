// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// random generates selectors and packets of both families that nest and nearly match: few addresses, every
// prefix length, few protocols and ports.
type random struct{ *rand.Rand }

func newRandom(t *testing.T) *random { return &random{testenv.Rand(t)} }

func (r *random) addr(v6 bool) netip.Addr {
	var b [16]byte
	// Each byte has one of two values, so that prefixes of any length contain several addresses.
	for i := range b {
		b[i] = []byte{0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x0a, 0x8a}[r.IntN(8)]
	}
	if v6 {
		return netip.AddrFrom16(b)
	}
	return netip.AddrFrom4([4]byte(b[:4]))
}

// prefix returns a prefix of any length, most often at the ends of the range and at whole bytes.
func (r *random) prefix(v6 bool) netip.Prefix {
	a := r.addr(v6)
	length := r.IntN(a.BitLen() + 1)
	switch r.IntN(4) {
	case 0:
		length = length / 8 * 8
	case 1:
		length = []int{0, 1, a.BitLen() - 1, a.BitLen()}[r.IntN(4)]
	}
	return netip.PrefixFrom(a, length).Masked()
}

func (r *random) proto() uint8 { return []uint8{6, 17, 1, 50}[r.IntN(4)] }

func (r *random) port() uint16 { return uint16(r.IntN(3)) }

func (r *random) selector() eroute.Selector {
	v6 := r.IntN(2) == 0
	s := eroute.Selector{Src: r.prefix(v6), Dst: r.prefix(v6)}
	if r.IntN(2) == 0 {
		s.Proto = r.proto()
	}
	if s.Proto == 6 || s.Proto == 17 {
		s.SrcPort, s.DstPort = r.port(), r.port()
	}
	return s
}

// packet returns a packet that eroutes with these selectors match, or nearly match.
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
	if p.Proto == 6 || p.Proto == 17 {
		p.SrcPort, p.DstPort = r.port(), r.port()
	}
	return p
}

// near returns an address in a prefix, or sometimes one just outside it.
func (r *random) near(p netip.Prefix) netip.Addr {
	b, other := p.Addr().AsSlice(), r.addr(p.Addr().Is6()).AsSlice()
	flip := -1
	if r.IntN(6) == 0 {
		flip = p.Bits() - 1
	}
	for i := range 8 * len(b) {
		bit := byte(0x80) >> (i % 8)
		if i >= p.Bits() {
			b[i/8] |= other[i/8] & bit
		}
		if i == flip {
			b[i/8] ^= bit
		}
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

func (r *random) change(known []eroute.Selector) eroute.Change {
	saids := []eroute.SAID{eroute.Pass, eroute.Drop, eroute.Reject, eroute.Hold, eroute.Trap, eroute.TrapSubnet, eroute.XFRM, flowSA, failoverSA,
		{Proto: eroute.ProtoTun, SPI: 0x1000 + uint32(r.IntN(4)), Dst: netip.MustParseAddr("192.0.2.1")},
		{Proto: eroute.ProtoESP, SPI: 0x1000, Dst: netip.MustParseAddr("2001:db8::1")}}
	c := eroute.Change{
		Op:       []eroute.Op{eroute.OpAdd, eroute.OpAdd, eroute.OpReplace, eroute.OpDel}[r.IntN(4)],
		Selector: r.selector(),
		SAID:     saids[r.IntN(len(saids))],
	}
	if len(known) > 0 && (c.Op == eroute.OpDel || r.IntN(2) == 0) {
		c.Selector = known[r.IntN(len(known))]
	}
	if r.IntN(2000) == 0 {
		c = eroute.Change{Op: eroute.OpClear}
	}
	return c
}
