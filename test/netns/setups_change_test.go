// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// While wan changes under a flow, nothing that is protected leaves in clear; afterwards %pass works, without relay
// or --sync.
func TestWANChanges(t *testing.T) {
	g := watching(t)
	for _, n := range []*lab.Node{g.East, g.West} {
		if err := n.Sysctl("net/ipv6/conf/wan/keep_addr_on_down", "1"); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name  string
		on    *lab.Node  // where wan changes
		steps [][]string // ip commands
		seen  *lab.Node  // where frames are captured: not on an interface that goes down
	}{
		{"carrier", g.West, [][]string{{"link set wan down"}, {"link set wan up"}}, g.East},
		{"down and up", g.East, [][]string{{"link set wan down"}, {"link set wan up"}}, g.West},
		{"renamed", g.East, [][]string{{"link set wan name dsl"}, {"link set dsl name wan"}}, g.West},
		{"smaller MTU", g.East, [][]string{{"link set wan mtu 1300"}, {"link set wan mtu 1500"}}, g.West},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range protected(g.families()[0]) {
				var eroutes []eroute.Change
				for _, f := range g.families() {
					eroutes = append(eroutes, from(f.eastNet, f.westNet, protected(f)[i]))
				}
				g.only(t, eroutes...)
				wire, err := c.seen.Capture(lab.WAN)
				if err != nil {
					t.Fatal(err)
				}
				end := g.streams(t)
				for _, lines := range c.steps {
					batch(t, c.on, lines...)
				}
				if err := g.RestoreWAN(t.Context(), c.on); err != nil { // as the operator's DHCP client does
					t.Fatal(err)
				}
				if err := c.on.WaitReady(); err != nil {
					t.Fatal(err)
				}
				end()
				frames, err := wire.Stop()
				for _, f := range g.families() {
					if n := frames.Count(lab.Match{Dst: f.westNet}); err != nil || n != 0 {
						t.Errorf("%v: %d packets of %s left in clear, %v", eroutes[0].SAID, n, f.name, err)
					}
				}
			}
			g.only(t, all(eroute.Pass)...)
			g.waitThrough(t)
			for _, f := range g.families() {
				g.leaves(t, f, f.westHost, from(f.eastNet, f.westNet, eroute.Pass), reason("pass", 6))
			}
		})
	}
}

// streams sends datagrams of both families from EastHost to WestHost until end is called.
func (g *gateway) streams(t *testing.T) (end func()) {
	t.Helper()
	var all []*lab.Stream
	for _, f := range g.families() {
		s := &lab.Stream{From: g.EastHost, Src: netip.AddrPortFrom(f.eastHost, 0), Dst: netip.AddrPortFrom(f.westHost, 9), Rate: 1000}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, s)
	}
	return func() {
		t.Helper()
		for _, s := range all {
			if n, err := s.Stop(); err != nil || n == 0 {
				t.Errorf("%d packets sent, %v", n, err)
			}
		}
	}
}
