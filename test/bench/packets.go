// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// packet is one as programs have taken it apart.
type packet = bpf.ProbePacket

// most is how many packets a list has at the most.
const most = 1 << 20

// traffic is a list of packets that are sent round and round.
type traffic struct {
	name    string
	packets func(r *rand.Rand, table []eroute.Selector) []packet
}

var traffics = []traffic{
	{"1k hot flows", func(r *rand.Rand, table []eroute.Selector) []packet { return hits(r, table, 1000) }},
	{"uniform", func(r *rand.Rand, table []eroute.Selector) []packet { return uniform(r, table) }},
	{"90% of 1k, 10% uniform", mixed},
	{"new flows only", newFlows},
	{"near misses", nearMisses},
	{"misses", misses},
}

func newPacket(src, dst netip.Addr, proto uint8, sport, dport uint16) packet {
	p := packet{Family: unix.AF_INET, Proto: proto, L4: 20, Len: 64, Ttl: 64, Plain: 1}
	if src.Is6() {
		p.Family = unix.AF_INET6
	}
	p.Sport, p.Dport = network(sport), network(dport)
	copy(p.Src[:], src.AsSlice())
	copy(p.Dst[:], dst.AsSlice())
	return p
}

// network puts a port into the byte order of the packet.
func network(port uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, port))
}

// hit is a packet that an eroute is for, if none more specific is.
func hit(r *rand.Rand, s eroute.Selector) packet {
	port := s.DstPort
	if port == 0 {
		port = 4500
	}
	return newPacket(inside(r, s.Src), inside(r, s.Dst), 17, 4500, port)
}

// hits is one packet each for n eroutes, or as many as there are.
func hits(r *rand.Rand, table []eroute.Selector, n int) (all []packet) {
	for _, i := range r.Perm(len(table))[:min(n, len(table))] {
		all = append(all, hit(r, table[i]))
	}
	return all
}

func uniform(r *rand.Rand, table []eroute.Selector) []packet { return hits(r, table, most) }

func mixed(r *rand.Rand, table []eroute.Selector) (all []packet) {
	hot, cold := hits(r, table, 1000), uniform(r, table)
	for len(all) < 1<<18 {
		if r.IntN(10) > 0 {
			all = append(all, hot[r.IntN(len(hot))])
		} else {
			all = append(all, cold[r.IntN(len(cold))])
		}
	}
	return all
}

// newFlows never repeats a flow within what can be remembered: the attack on the cache.
func newFlows(r *rand.Rand, table []eroute.Selector) (all []packet) {
	for len(all) < most {
		p := hit(r, table[r.IntN(len(table))])
		p.Sport = network(uint16(r.IntN(1 << 16)))
		all = append(all, p)
	}
	return all
}

// nearMisses have a source that has eroutes, and a destination that none of them is for.
func nearMisses(r *rand.Rand, table []eroute.Selector) []packet {
	return elsewhere(r, table, func(p *packet) []uint8 { return p.Dst[:] })
}

func misses(r *rand.Rand, table []eroute.Selector) []packet {
	return elsewhere(r, table, func(p *packet) []uint8 { return p.Src[:] })
}

// elsewhere is packets with an address moved to where no eroute is.
func elsewhere(r *rand.Rand, table []eroute.Selector, address func(*packet) []uint8) (all []packet) {
	for len(all) < 1<<18 {
		p := hit(r, table[r.IntN(len(table))])
		address(&p)[at(p)] = 0x70
		all = append(all, p)
	}
	return all
}

// at is the byte of an address that tells our sources from our destinations.
func at(p packet) int {
	if p.Family == unix.AF_INET6 {
		return 4
	}
	return 0
}
