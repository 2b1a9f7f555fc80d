// SPDX-License-Identifier: Apache-2.0

package migrate

import (
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// randomPolicies returns policies that often overlap, each with a unique priority.
func randomPolicies(r *rand.Rand) (all []xfrm.Policy) {
	prefix := func() netip.Prefix {
		addr := netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(2)), 0})
		p, _ := addr.Prefix([]int{8, 14, 16, 23, 24}[r.IntN(5)])
		return p
	}
	for _, priority := range r.Perm(2 + r.IntN(5)) {
		p := xfrm.Policy{Dir: xfrm.Out, Src: prefix(), Dst: prefix(), Priority: uint32(priority), Block: r.IntN(2) == 0}
		if r.IntN(3) == 0 {
			p.Proto = eroute.ProtoTCP
			if r.IntN(2) == 0 {
				p.DstPort = xfrm.PortMask{Port: 25, Mask: 0xffff}
			}
		}
		all = append(all, p)
	}
	return all
}

// decide returns the action of the policies for a packet: that of the best priority that matches.
func decide(all []xfrm.Policy, packet eroute.Packet) eroute.SAID {
	var best *xfrm.Policy
	for i, p := range all {
		s, err := Selector(p)
		if err == nil && s.Matches(packet) && (best == nil || p.Priority < best.Priority) {
			best = &all[i]
		}
	}
	switch {
	case best == nil:
		return eroute.SAID{}
	case best.Block:
		return eroute.Drop
	}
	return eroute.Pass
}

// TestRandom checks that eroutes decide like the policies for every packet, unless a note reports a difference in
// precedence.
func TestRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	told := 0
	for range 3000 {
		policies := randomPolicies(r)
		eroutes, notes := Eroutes(Kernel{Policies: policies})
		if strings.Contains(strings.Join(notes, "\n"), "takes precedence for packets that match both") {
			told++
			continue
		}
		var table eroute.Linear
		for _, e := range eroutes {
			if err := table.Add(e.Selector, e.SAID); err != nil {
				t.Fatal(err)
			}
		}
		for range 200 {
			packet := eroute.Packet{
				Src:   netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(2)), 1}),
				Dst:   netip.AddrFrom4([4]byte{10, byte(r.IntN(4)), byte(r.IntN(2)), 1}),
				Proto: []uint8{1, 6}[r.IntN(2)],
			}
			if packet.Proto == eroute.ProtoTCP {
				packet.DstPort = []uint16{25, 80}[r.IntN(2)]
			}
			e, _ := table.Lookup(packet)
			if want := decide(policies, packet); e.SAID != want {
				t.Fatalf("%+v: %v by eroutes, %v by policies %+v", packet, e.SAID, want, policies)
			}
		}
	}
	t.Logf("%d of 3000 had pairs that go the other way round", told)
	if told == 0 || told == 3000 {
		t.Error("that tests nothing")
	}
}
