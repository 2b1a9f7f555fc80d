// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// TestFindSeveral checks which SAs a flow of a trap with a spread uses.
func TestFindSeveral(t *testing.T) {
	on := func(spi, cpu uint32, added uint64) xfrm.State {
		return stateOf(spi, func(s *xfrm.State) { s.OneCPU, s.CPU, s.Added = true, cpu, added })
	}
	any := func(spi uint32, added uint64) xfrm.State {
		return stateOf(spi, func(s *xfrm.State) { s.Added = added })
	}
	other := stateOf(0x200, func(s *xfrm.State) { s.ReqID = 8 })
	const tun101, tun102, tun103 = "tun0x101@192.1.2.45", "tun0x102@192.1.2.45", "tun0x103@192.1.2.45"
	var many xfrm.States = make(xfrm.States)
	for spi := range uint32(2 * eroute.MaxMembers) {
		s := any(0x1000+spi, uint64(spi))
		many[s.StateKey] = s
	}
	for _, c := range []struct {
		name   string
		spread eroute.Spread
		states []xfrm.State
		want   string // "": none
	}{
		{"newest", 0, []xfrm.State{any(0x101, 2), any(0x102, 1), on(0x103, 0, 3)}, tun101},
		{"flow, none", eroute.SpreadFlow, []xfrm.State{other}, ""},
		{"flow, one", eroute.SpreadFlow, []xfrm.State{any(0x101, 1), other}, tun101},
		{"flow, two", eroute.SpreadFlow, []xfrm.State{any(0x102, 1), any(0x101, 2), other, on(0x103, 0, 3)}, tun101 + "," + tun102 + "/flow"},
		{"flow, the same two", eroute.SpreadFlow, []xfrm.State{any(0x102, 2), any(0x101, 1)}, tun101 + "," + tun102 + "/flow"},
		{"cpu, none for any", eroute.SpreadCPU, []xfrm.State{on(0x101, 0, 1), on(0x102, 1, 1)}, ""},
		{"cpu, one for any", eroute.SpreadCPU, []xfrm.State{any(0x101, 1)}, tun101},
		{"cpu, rekeyed for any", eroute.SpreadCPU, []xfrm.State{any(0x101, 1), any(0x102, 2)}, tun102},
		{"cpu", eroute.SpreadCPU, []xfrm.State{any(0x101, 1), on(0x102, 1, 2), on(0x103, 0, 3)}, tun103 + "," + tun102 + "," + tun101 + "/cpu"},
		{"cpu, rekeyed", eroute.SpreadCPU, []xfrm.State{any(0x101, 9), on(0x102, 1, 2), on(0x103, 1, 3)}, tun103 + "," + tun101 + "/cpu"},
	} {
		t.Run(c.name, func(t *testing.T) {
			states := make(xfrm.States)
			for _, s := range c.states {
				states[s.StateKey] = s
			}
			got, ok := findIn(states, c.spread)
			if ok != (c.want != "") || ok && got.String() != c.want {
				t.Errorf("answer %v %v, want %q", got, ok, c.want)
			}
		})
	}
	t.Run("flow, too many", func(t *testing.T) {
		got, _ := findIn(many, eroute.SpreadFlow)
		if members := got.Members(); len(members) != eroute.MaxMembers || members[0].SPI != 0x1000+eroute.MaxMembers {
			t.Errorf("%d members: %v", len(members), got)
		}
	})
}

func findIn(states xfrm.States, spread eroute.Spread) (eroute.SAID, bool) {
	params := eroute.DefaultAcquire
	params.ReqID, params.Spread = 7, spread
	a := newAnswers(states, nil, map[netip.Addr]bool{netip.MustParseAddr("192.1.2.23"): true}, nil)
	answer, ok := a.find(abi.FlowID{Selector: flowOf(1)}, a.params(flowOf(1), params))
	return answer.SAID, ok
}
