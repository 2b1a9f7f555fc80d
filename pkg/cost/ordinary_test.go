// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// host is the nth host of a site.
func host(v6 bool, site byte, n int) netip.Prefix {
	b := [16]byte{0x20, 0x01, 0x0d, 0xb8, site}
	if !v6 {
		b = [16]byte{site}
		binary.BigEndian.PutUint32(b[:], uint32(site)<<24|uint32(n))
		return netip.PrefixFrom(netip.AddrFrom4([4]byte(b[:4])), 32)
	}
	binary.BigEndian.PutUint32(b[4:], uint32(site)<<24|uint32(n))
	return netip.PrefixFrom(netip.AddrFrom16(b), 128)
}

// TestOrdinary checks that the tables of the benchmarks, 100,000 tunnels each, have no expensive packet, and that
// the search takes less than a second: few sources, as many sources as eroutes, and random nesting of both
// prefixes with ports.
func TestOrdinary(t *testing.T) {
	const many = 100000
	r := rand.New(rand.NewPCG(3, 4))
	cut := func(p netip.Prefix) netip.Prefix {
		bits := 32 - r.IntN(17)
		if p.Addr().Is6() {
			bits += 32
		}
		return netip.PrefixFrom(p.Addr(), bits).Masked()
	}
	for name, make := range map[string]func(v6 bool, i int) eroute.Selector{
		"hub": func(v6 bool, i int) eroute.Selector {
			return eroute.Selector{Src: host(v6, 10, i%5), Dst: host(v6, 80, i)}
		},
		"mesh": func(v6 bool, i int) eroute.Selector {
			return eroute.Selector{Src: host(v6, 10, i), Dst: host(v6, 80, i%1000)}
		},
		"nested": func(v6 bool, i int) eroute.Selector {
			s := eroute.Selector{Src: cut(host(v6, 10, r.IntN(1<<20))), Dst: cut(host(v6, 80, r.IntN(1<<20)))}
			if i%10 < 3 {
				s.Proto, s.DstPort = 17, uint16(1+r.IntN(1000))
			}
			return s
		},
	} {
		for _, v6 := range []bool{false, true} {
			var table Table
			for i := range many {
				table.Add(make(v6, i))
			}
			start := time.Now()
			for _, w := range table.Expensive() {
				t.Errorf("%s, IPv6 %v: %s", name, v6, w.Describe(w.Time))
			}
			t.Logf("%s, IPv6 %v: %v", name, v6, time.Since(start))
		}
	}
}

// TestSearchIsBounded checks that the search for an expensive packet among as many eroutes is fast, also if each
// source has its own destinations.
func TestSearchIsBounded(t *testing.T) {
	var table Table
	for i := range 100000 {
		dst := host(true, 80, i*40503)
		src := netip.PrefixFrom(host(true, 10, i).Addr(), 128-i%97).Masked()
		table.Add(eroute.Selector{Src: src, Dst: netip.PrefixFrom(dst.Addr(), 128-i%60).Masked(), Proto: uint8(i % 5)})
	}
	start := time.Now()
	all := table.Expensive()
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	for _, w := range all {
		if w.AtMost < w.Time {
			t.Errorf("%+v", w)
		}
		t.Log(time.Since(start), w.Describe(w.Time), w.AtMost)
	}
}
