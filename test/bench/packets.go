// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf/bpftest"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// packet is a parsed packet.
type packet = bpftest.ProbePacket

// most is the maximum number of packets in a list.
const most = 1 << 20

// traffic is a list of packets that are sent cyclically.
type traffic struct {
	name    string
	packets func(r *rand.Rand, flows []packet) []packet

	// once: no packet is repeated. The list is; cached entries then have another version.
	once bool
}

// Traffics, by their names in figures.
const (
	hot     = "1k hot flows"
	uniform = "uniform"
)

var traffics = []traffic{
	{hot, func(r *rand.Rand, flows []packet) []packet { return some(r, flows, 1000) }, false},
	{uniform, func(r *rand.Rand, flows []packet) []packet { return some(r, flows, most) }, false},
	{"90% hot, 10% uniform", mixed, false},
	{"no flow twice", newFlows, true},
	{"near misses", nearMisses, true},
	{"crossed", crossed, true},
	{"misses", misses, true},
}

// flowsOf is a packet for each eroute, which matches it if there is no more specific one.
func flowsOf(r *rand.Rand, table []eroute.Selector) []packet {
	flows := make([]packet, len(table))
	for i, s := range table {
		port := s.DstPort
		if port == 0 {
			port = 4500
		}
		flows[i] = newPacket(inside(r, s.Src), inside(r, s.Dst), 17, 4500, port)
	}
	return flows
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

// network converts a port to the packet's byte order.
func network(port uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, port))
}

// some is n of the flows, or all if there are fewer, in random order.
func some(r *rand.Rand, flows []packet, n int) (all []packet) {
	for _, i := range r.Perm(len(flows))[:min(n, len(flows))] {
		all = append(all, flows[i])
	}
	return all
}

func mixed(r *rand.Rand, flows []packet) (all []packet) {
	hot := some(r, flows, 1000)
	for len(all) < 1<<18 {
		if r.IntN(10) > 0 {
			all = append(all, hot[r.IntN(len(hot))])
		} else {
			all = append(all, flows[r.IntN(len(flows))])
		}
	}
	return all
}

// newFlows never repeats a flow: the attack on the cache.
func newFlows(r *rand.Rand, flows []packet) (all []packet) {
	for len(all) < most {
		p := flows[r.IntN(len(flows))]
		p.Sport = network(uint16(r.IntN(1 << 16)))
		all = append(all, p)
	}
	return all
}

// nearMisses have a source that has eroutes, and a destination of none of them.
func nearMisses(r *rand.Rand, flows []packet) []packet {
	return elsewhere(r, flows, func(p *packet) []uint8 { return p.Dst[:] })
}

// crossed packets have the source of one eroute and the destination of another. Some match an eroute by
// chance.
func crossed(r *rand.Rand, flows []packet) (all []packet) {
	for len(all) < most {
		p := flows[r.IntN(len(flows))]
		p.Dst = flows[r.IntN(len(flows))].Dst
		all = append(all, p)
	}
	return all
}

func misses(r *rand.Rand, flows []packet) []packet {
	return elsewhere(r, flows, func(p *packet) []uint8 { return p.Src[:] })
}

// elsewhere is packets with an address changed to one without an eroute.
func elsewhere(r *rand.Rand, flows []packet, address func(*packet) []uint8) (all []packet) {
	for len(all) < most {
		p := flows[r.IntN(len(flows))]
		b := address(&p)[at(p):]
		b[0] = 0x70
		for i := range b[1:4] {
			b[1+i] = uint8(r.IntN(256))
		}
		all = append(all, p)
	}
	return all
}

// at is the byte of an address that distinguishes sources from destinations.
func at(p packet) int {
	if p.Family == unix.AF_INET6 {
		return 4
	}
	return 0
}
