// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// shape is a distribution of a table's selectors. Each generates n different ones.
type shape struct {
	name      string
	selectors func(r *rand.Rand, n int, v6 bool) []eroute.Selector
}

var shapes = []shape{{"hub", hub}, {"mesh", mesh}, {"nested", nested}}

// hub has few sources and n destinations.
func hub(_ *rand.Rand, n int, v6 bool) []eroute.Selector {
	all := make([]eroute.Selector, n)
	for i := range all {
		all[i] = eroute.Selector{Src: host(0x0a000000, i%5, v6), Dst: host(0x50000000, i, v6)}
	}
	return all
}

// mesh has n sources, each with one destination.
func mesh(_ *rand.Rand, n int, v6 bool) []eroute.Selector {
	all := make([]eroute.Selector, n)
	for i := range all {
		all[i] = eroute.Selector{Src: host(0x0a000000, i, v6), Dst: host(0x50000000, i%1000, v6)}
	}
	return all
}

// nested has random prefix lengths on both sides, and ports in three of ten.
func nested(r *rand.Rand, n int, v6 bool) []eroute.Selector {
	all := make([]eroute.Selector, 0, n)
	seen := make(map[eroute.Selector]bool, n)
	for len(all) < n {
		s := eroute.Selector{Src: cut(r, host(0x0a000000, r.IntN(1<<20), v6)), Dst: cut(r, host(0x50000000, r.IntN(1<<20), v6))}
		if r.IntN(10) < 3 {
			s.Proto, s.DstPort = 17, uint16(1+r.IntN(1000))
		}
		if !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	return all
}

// host is the nth address from a base; for IPv6 in the upper half, like sites.
func host(base uint32, n int, v6 bool) netip.Prefix {
	var b [16]byte
	binary.BigEndian.PutUint32(b[:], base+uint32(n))
	if !v6 {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(b[:4])), 32)
	}
	copy(b[4:8], b[:4])
	copy(b[:4], []byte{0x20, 0x01, 0x0d, 0xb8})
	b[15] = 1
	return netip.PrefixFrom(netip.AddrFrom16(b), 128)
}

// cut shortens a prefix by up to half of the bits that distinguish addresses.
func cut(r *rand.Rand, p netip.Prefix) netip.Prefix {
	bits := 32 - r.IntN(17)
	if p.Addr().Is6() {
		bits += 32
	}
	return netip.PrefixFrom(p.Addr(), bits).Masked()
}

// inside is a random address of a prefix.
func inside(r *rand.Rand, p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] ^= byte(r.IntN(2)) << (7 - i%8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}
