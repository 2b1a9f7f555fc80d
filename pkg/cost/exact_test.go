// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/index"
)

// costOf implements the definition of the model by a scan of all eroutes.
func costOf(f *family, all []eroute.Selector, p eroute.Packet, tuples uint8) (lookups, ns int) {
	bySource := map[netip.Prefix][]eroute.Selector{}
	for _, e := range all {
		if e.Src.Contains(p.Src) {
			bySource[e.Src] = append(bySource[e.Src], e)
		}
	}
	prefixes := make([]netip.Prefix, 0, len(bySource))
	for prefix := range bySource {
		prefixes = append(prefixes, prefix)
	}
	slices.SortFunc(prefixes, func(a, b netip.Prefix) int { return cmp.Compare(b.Bits(), a.Bits()) })
	var sum work
	for i, prefix := range prefixes {
		addresses := map[netip.Addr]bool{}
		for _, above := range prefixes[i:] {
			addresses[above.Addr()] = true
		}
		var near, every summary
		var matching uint64
		isWide, matched := false, false
		for _, e := range bySource[prefix] {
			every.add(summaryOf(e))
			if block, ok := blockOf(e.Dst); !ok {
				isWide = true
				near.lengths |= index.LenBit(e.Dst)
			} else if block.Contains(p.Dst) {
				near.add(summaryOf(e))
			}
			if e.SrcPort == 0 && e.DstPort == 0 {
				matching |= index.LenBit(e.Dst)
			}
			matched = matched || e.Matches(p)
		}
		if isWide {
			near.tuples = every.tuples
		}
		if n := f.count(near.lengths) * tupleCount(near.tuples&tuples); n > 0 {
			sum.probes += n + 1
		}
		entries := tupleCount(every.tuples & tuples)
		sum.lookups += 1 + entries
		sum.nodes += len(prefixes) - i + entries*len(addresses) + tupleCount(every.tuples&unported)*f.count(matching)
		if matched {
			break
		}
	}
	return sum.total(&f.time)
}

// bounds returns an address in each interval into which prefixes divide the address space.
func bounds(prefixes []netip.Prefix) []netip.Addr {
	set := map[netip.Addr]bool{}
	for _, p := range prefixes {
		set[p.Addr()] = true
		last := p.Addr().AsSlice()
		for i := p.Bits(); i < len(last)*8; i++ {
			last[i/8] |= 0x80 >> (i % 8)
		}
		if a, _ := netip.AddrFromSlice(last); a.Next().IsValid() {
			set[a.Next()] = true
		}
	}
	all := make([]netip.Addr, 0, len(set)+1)
	for a := range set {
		all = append(all, a)
	}
	zero, _ := netip.AddrFromSlice(make([]byte, prefixes[0].Addr().BitLen()/8))
	return append(all, zero)
}

// randomTable returns nested prefixes, and disjoint ones, with all tuples.
func randomTable(r *rand.Rand, f *family) []eroute.Selector {
	seen := map[eroute.Selector]bool{}
	var all []eroute.Selector
	base := make([]byte, f.bits/8)
	for i := range base {
		base[i] = byte(r.Uint32())
	}
	prefix := func() netip.Prefix {
		b := slices.Clone(base)
		n := r.IntN(f.bits + 1)
		if n > 0 && r.IntN(2) == 0 {
			at := n - 1 - r.IntN(min(n, 3))
			b[at/8] ^= 0x80 >> (at % 8)
		}
		a, _ := netip.AddrFromSlice(b)
		return netip.PrefixFrom(a, n).Masked()
	}
	sources := make([]netip.Prefix, 1+r.IntN(8))
	for i := range sources {
		sources[i] = prefix()
	}
	for range 1 + r.IntN(60) {
		e := eroute.Selector{Src: sources[r.IntN(len(sources))], Dst: prefix()}
		if r.IntN(3) > 0 {
			e.Proto = []uint8{6, 17, 47, 254}[r.IntN(4)]
		}
		if e.Proto == 6 || e.Proto == 17 {
			e.SrcPort, e.DstPort = uint16(r.IntN(2)), uint16(r.IntN(2))
		}
		if !seen[e] {
			seen[e] = true
			all = append(all, e)
		}
	}
	return all
}

// TestExact checks that the search finds the most expensive of all packets, and reports its cost correctly.
func TestExact(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	overSteps := 0
	for i := range 600 {
		f := &families[i%2]
		all := randomTable(r, f)
		most := 0
		var src, dst []netip.Prefix
		for _, e := range all {
			src, dst = append(src, e.Src), append(dst, e.Dst)
			if block, ok := blockOf(e.Dst); ok {
				dst = append(dst, block)
			}
		}
		dsts := bounds(dst)
		for _, s := range bounds(src) {
			for _, d := range dsts {
				for _, p := range kindsOf(all) {
					_, ns := costOf(f, all, eroute.Packet{Src: s, Dst: d, Proto: p.proto}, p.tuples)
					most = max(most, ns)
				}
			}
		}
		w, ok := find(f, slices.Clone(all), 0)
		if !ok || int(w.Time) != most || w.AtMost != w.Time {
			t.Fatalf("table %d: found %v of %v, at most %v; the most is %d ns\n%s", i, ok, w.Time, w.AtMost, most, describe(all))
		}
		if len(w.Flows) < maxFlows || w.Flows[0] != w.Packet {
			t.Fatalf("table %d: %+v has %d flows", i, w.Packet, len(w.Flows))
		}
		for _, p := range w.Flows {
			lookups, ns := costOf(f, all, p, tuplesOf(p.SrcPort != 0))
			if ns != int(w.Time) || lookups != w.Lookups {
				t.Fatalf("table %d: %+v takes %d lookups, %d ns; said to take %d, %v\n%s", i, p, lookups, ns, w.Lookups, w.Time, describe(all))
			}
		}
		if w.Lookups > Steps {
			overSteps++
		}
		if _, ok := find(f, slices.Clone(all), most); ok {
			t.Fatalf("table %d: a packet over %d ns", i, most)
		}
	}
	if overSteps < 40 {
		t.Errorf("%d tables with packets over %d steps", overSteps, Steps)
	}
}

func describe(all []eroute.Selector) (text string) {
	for _, e := range all {
		text += fmt.Sprintf("%+v\n", e)
	}
	return text
}
