// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

func stateOf(spi uint32, change func(*xfrm.State)) xfrm.State {
	s := xfrm.State{
		StateKey: xfrm.StateKey{Proto: eroute.ProtoESP, SPI: spi, Dst: netip.MustParseAddr("192.1.2.45")},
		Src:      netip.MustParseAddr("192.1.2.23"), Mode: xfrm.ModeTunnel, ReqID: 7, Inner: xfrm.IPv4, Added: 1000,
	}
	if change != nil {
		change(&s)
	}
	return s
}

// TestFindAnswer checks which SA answers a flow, and that no other does.
func TestFindAnswer(t *testing.T) {
	own := map[netip.Addr]bool{netip.MustParseAddr("192.1.2.23"): true}
	peer, other := netip.MustParseAddr("192.1.2.45"), netip.MustParseAddr("192.1.2.46")
	policy := func(dst string, reqid uint32) []xfrm.OutPolicy {
		return []xfrm.OutPolicy{{
			Selector: eroute.Selector{Src: netip.MustParsePrefix("192.0.2.0/24"), Dst: netip.MustParsePrefix(dst)},
			Template: xfrm.Template{Dst: peer, Proto: eroute.ProtoESP, Mode: xfrm.ModeTunnel, ReqID: reqid},
		}}
	}
	byReqID, byPolicy := eroute.DefaultAcquire, eroute.DefaultAcquire
	byReqID.ReqID = 7
	byPeer := byPolicy
	byPeer.Peer = peer
	fromPeer := byReqID
	fromPeer.Peer = other
	for _, c := range []struct {
		name     string
		states   []xfrm.State
		policies []xfrm.OutPolicy
		params   eroute.AcquireParams
		want     uint32 // SPI; 0: none
	}{
		{"none", nil, nil, byReqID, 0},
		{"reqid", []xfrm.State{stateOf(0x101, nil)}, nil, byReqID, 0x101},
		{"another reqid", []xfrm.State{stateOf(0x101, func(s *xfrm.State) { s.ReqID = 8 })}, nil, byReqID, 0},
		{"reqid, another peer", []xfrm.State{stateOf(0x101, nil)}, nil, fromPeer, 0},
		{"the newest", []xfrm.State{stateOf(0x103, nil), stateOf(0x102, func(s *xfrm.State) { s.Added++ }), stateOf(0x104, nil)}, nil, byReqID, 0x102},
		{"inbound", []xfrm.State{stateOf(0x101, func(s *xfrm.State) { s.Src, s.Dst = s.Dst, s.Src })}, nil, byReqID, 0},
		{"another mode", []xfrm.State{stateOf(0x101, func(s *xfrm.State) { s.Mode = xfrm.ModeTransport })}, nil, byReqID, 0},
		{"another protocol", []xfrm.State{stateOf(0x101, func(s *xfrm.State) { s.Proto = eroute.ProtoAH })}, nil, byReqID, 0},
		{"another family inside", []xfrm.State{stateOf(0x101, func(s *xfrm.State) { s.Inner = xfrm.IPv6 })}, nil, byReqID, 0},
		{"nothing said", []xfrm.State{stateOf(0x101, nil)}, nil, byPolicy, 0},
		{"only the peer", []xfrm.State{stateOf(0x101, nil)}, nil, byPeer, 0},
		{"policy", []xfrm.State{stateOf(0x101, nil)}, policy("192.0.1.0/24", 7), byPolicy, 0x101},
		{"policy of another network", []xfrm.State{stateOf(0x101, nil)}, policy("10.0.0.0/8", 7), byPeer, 0},
		{"policy with another reqid", []xfrm.State{stateOf(0x101, nil)}, policy("192.0.1.0/24", 8), byPolicy, 0},
		{"state's selector", []xfrm.State{stateOf(0x101, func(s *xfrm.State) {
			s.Sel = eroute.Selector{Src: netip.MustParsePrefix("192.0.2.0/24"), Dst: netip.MustParsePrefix("192.0.1.0/24")}
		})}, nil, byPolicy, 0x101},
		{"state's selector of another network", []xfrm.State{stateOf(0x101, func(s *xfrm.State) {
			s.Sel = eroute.Selector{Src: netip.MustParsePrefix("192.0.2.0/24"), Dst: netip.MustParsePrefix("10.0.0.0/8")}
		})}, nil, byPolicy, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			states := xfrm.States{}
			for _, s := range c.states {
				states[s.StateKey] = s
			}
			g := ages{seen: map[xfrm.StateKey]uint64{}}
			g.note(states)
			a := newAnswers(states, c.policies, own, g.seen)
			got, ok := a.find(abi.FlowID{Selector: flowOf(1)}, a.params(flowOf(1), c.params))
			if ok != (c.want != 0) || got.SAID.SPI != c.want {
				t.Errorf("answer %v %v, want SPI %#x", got, ok, c.want)
			}
		})
	}
}

// TestNewestState checks that of states created in the same second the last one seen is the newest, however
// often SAs are replaced.
func TestNewestState(t *testing.T) {
	own := map[netip.Addr]bool{netip.MustParseAddr("192.1.2.23"): true}
	params := eroute.DefaultAcquire
	params.ReqID = 7
	g := ages{seen: map[xfrm.StateKey]uint64{}}
	states := xfrm.States{}
	for spi := uint32(0x200); spi > 0x100; spi-- {
		s := stateOf(spi, nil)
		states[s.StateKey] = s
		g.note(states)
		a := newAnswers(states, nil, own, g.seen)
		if got, ok := a.find(abi.FlowID{Selector: flowOf(1)}, a.params(flowOf(1), params)); !ok || got.SAID.SPI != spi {
			t.Fatalf("answer %v, want SPI %#x", got, spi)
		}
		if old := stateOf(spi+1, nil).StateKey; spi < 0x200 {
			delete(states, old)
		}
	}
}

// TestAcquireParamsFromPolicy checks that the key manager's policy for the flow completes the parameters that a
// trap leaves open.
func TestAcquireParamsFromPolicy(t *testing.T) {
	peer, other := netip.MustParseAddr("192.1.2.45"), netip.MustParseAddr("192.1.2.46")
	wide := xfrm.OutPolicy{
		Selector: eroute.Selector{Src: netip.MustParsePrefix("0.0.0.0/0"), Dst: netip.MustParsePrefix("0.0.0.0/0")}, Priority: 9,
		Template: xfrm.Template{Dst: other, Proto: eroute.ProtoESP, Mode: xfrm.ModeTunnel, ReqID: 3},
	}
	narrow := xfrm.OutPolicy{
		Selector: eroute.Selector{Src: netip.MustParsePrefix("192.0.2.0/24"), Dst: netip.MustParsePrefix("192.0.1.0/24")}, Priority: 1,
		Template: xfrm.Template{Dst: peer, Proto: eroute.ProtoAH, Mode: xfrm.ModeTransport, ReqID: 4},
	}
	params := func(change func(*eroute.AcquireParams)) eroute.AcquireParams {
		a := eroute.DefaultAcquire
		if change != nil {
			change(&a)
		}
		return a
	}
	transport := params(func(a *eroute.AcquireParams) { a.Mode = eroute.ModeTransport })
	for _, c := range []struct {
		name     string
		policies []xfrm.OutPolicy
		params   eroute.AcquireParams
		want     eroute.AcquireParams
	}{
		{"no policy", nil, params(nil), params(nil)},
		{"reqid in the trap", []xfrm.OutPolicy{narrow}, params(func(a *eroute.AcquireParams) { a.ReqID = 7 }), params(func(a *eroute.AcquireParams) { a.ReqID = 7 })},
		{"policy", []xfrm.OutPolicy{wide}, params(nil), eroute.AcquireParams{Mode: eroute.ModeTunnel, Proto: eroute.ProtoESP, ReqID: 3, Peer: other}},
		{"the policy that goes first", []xfrm.OutPolicy{wide, narrow}, params(nil), eroute.AcquireParams{Mode: eroute.ModeTransport, Proto: eroute.ProtoAH, ReqID: 4, Peer: peer}},
		{"peer in the trap", []xfrm.OutPolicy{wide}, params(func(a *eroute.AcquireParams) { a.Peer = peer }), eroute.AcquireParams{Mode: eroute.ModeTunnel, Proto: eroute.ProtoESP, ReqID: 3, Peer: peer}},
		{"mode in the trap", []xfrm.OutPolicy{wide}, transport, eroute.AcquireParams{Mode: eroute.ModeTransport, Proto: eroute.ProtoESP, ReqID: 3, Peer: other}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := answers{policies: c.policies}.params(flowOf(1), c.params)
			if got.AcquireParams != c.want {
				t.Errorf("asked %+v, want %+v", got.AcquireParams, c.want)
			}
			if (got.problem() == "") != (c.want.ReqID != 0) {
				t.Errorf("problem %q of %+v", got.problem(), got.AcquireParams)
			}
		})
	}
}

// BenchmarkFind finds the SA of a flow among those of 100,000 tunnels.
func BenchmarkFind(b *testing.B) {
	states := xfrm.States{}
	for i := range uint32(100000) {
		s := stateOf(0x1000+i, func(s *xfrm.State) { s.ReqID = 1 + i })
		states[s.StateKey] = s
	}
	a := newAnswers(states, nil, map[netip.Addr]bool{netip.MustParseAddr("192.1.2.23"): true}, nil)
	params := eroute.DefaultAcquire
	params.ReqID, params.Spread = 50000, eroute.SpreadFlow
	for b.Loop() {
		if _, ok := a.find(abi.FlowID{Selector: flowOf(1)}, a.params(flowOf(1), params)); !ok {
			b.Fatal("no SA")
		}
	}
}
