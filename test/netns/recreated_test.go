// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// recreated returns a gateway that watches wan, which has been deleted and created again since.
func recreated(t *testing.T) *gateway {
	t.Helper()
	g := watching(t)
	if err := g.Unplug(g.East, lab.WAN); err != nil {
		t.Fatal(err)
	}
	if err := g.Replug(g.East, lab.WAN); err != nil {
		t.Fatal(err)
	}
	return g
}

// The WAN is deleted and created again, and neither a relay nor a command has watched the new one: what is protected
// does not leave, all else does.
func TestRecreated(t *testing.T) {
	path, g := testenv.Ipsec(t), recreated(t)
	const count = 3
	for _, f := range g.families() {
		for _, c := range []struct {
			name    string
			changes []eroute.Change
			leave   bool
		}{
			{"no eroute", []eroute.Change{from(f.eastNet, lab.Only(f.wan), eroute.Drop)}, true},
			{"pass", []eroute.Change{from(f.eastNet, f.westNet, eroute.Pass)}, true},
			{"drop", []eroute.Change{from(f.eastNet, f.westNet, eroute.Drop)}, false},
			{"reject", []eroute.Change{from(f.eastNet, f.westNet, eroute.Reject)}, false},
			{"hold", []eroute.Change{from(f.eastNet, f.westNet, eroute.Hold)}, false},
			{"trap", []eroute.Change{from(f.eastNet, f.westNet, eroute.Trap)}, false},
			{"SA", []eroute.Change{from(f.eastNet, f.westNet, said(f.wan))}, false},
		} {
			t.Run(f.name+" "+c.name, func(t *testing.T) {
				g.only(t, c.changes...)
				before, wire := g.counts(t), func(int) (none lab.Frames) { return none }
				if !c.leave {
					wire = g.watchWire(t)
				}
				for _, n := range []*lab.Node{g.EastHost, g.East} {
					ping := lab.Ping{Dst: f.westHost, Count: count, Wait: 20e6}
					if n == g.East {
						ping.Src = f.eastLAN
					}
					if r, err := n.Ping(within(t, patience), ping); err != nil || (r.Received == count) != c.leave || (r.Received == 0) == c.leave {
						t.Errorf("ping from %s: %+v, %v", n.Name, r, err)
					}
				}
				want := noEroute("unwatched", 2*count)
				if c.leave {
					want = reason("none", 0)
				}
				g.counted(t, before, want)
				wire(0)
				g.checkExplanation(t, g.explanation(t, path, f.eastHost, f.westHost), g.EastHost, f.eastHost, f.westHost, leaving{lab.WAN, lab.WAN, true})
			})
		}
	}
}

// Nothing leaves while the ipsec device is deleted and attached again before wan is watched.
func TestRecreatedAttach(t *testing.T) {
	for i := range 2 {
		g := recreated(t)
		f := g.families()[i]
		g.only(t, from(f.eastNet, f.westNet, eroute.Drop))
		wire := g.watchWire(t)
		s := &lab.Stream{From: g.EastHost, Src: netip.AddrPortFrom(f.eastHost, 0), Dst: netip.AddrPortFrom(f.westHost, 9), Rate: 1000}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		g.ip(t, "link del ipsec0")
		g.attachAs(t, device.Config{Virtual: ipsec0, Physical: lab.WAN})
		if n, err := s.Stop(); err != nil || n < 50 {
			t.Errorf("%d packets sent, %v", n, err)
		}
		wire(0)
	}
}

// It sees the source before NAT.
func TestRecreatedNAT(t *testing.T) {
	g := recreated(t)
	g.netfilter(t, "chain post { type nat hook postrouting priority srcnat; oifname wan masquerade; }")
	const count = 3
	for _, f := range g.families() {
		for _, c := range []struct {
			said eroute.SAID
			want counts
			left int
		}{
			{eroute.Pass, reason("none", 0), count},
			{said(f.wan), noEroute("unwatched", count), 0},
			{eroute.Trap, noEroute("unwatched", count), 0},
		} {
			g.only(t, from(f.eastNet, f.westNet, c.said))
			wire, before := g.watchWire(t), g.counts(t)
			r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: f.westHost, Count: count, Wait: 20e6})
			if err != nil || r.Received != c.left {
				t.Errorf("%s %v: ping: %+v, %v, want %d answers", f.name, c.said, r, err, c.left)
			}
			g.counted(t, before, c.want)
			wire(c.left)
		}
	}
}

// Nor do the gateway's ICMP errors about protected packets leave.
func TestRecreatedQuoted(t *testing.T) {
	g := recreated(t)
	const count = 3
	for _, f := range g.families() {
		for _, c := range []struct {
			said eroute.SAID
			want counts
			told int
		}{
			{eroute.Pass, reason("none", 0), count},
			{said(f.wan), noEroute("unwatched", count), 0},
		} {
			g.only(t, from(f.eastNet, f.westNet, c.said))
			before := g.counts(t)
			r, err := g.WestHost.Ping(within(t, patience), lab.Ping{Dst: f.eastHost, TTL: 2, Count: count, Wait: 20e6})
			if err != nil || len(r.Errors) != c.told {
				t.Errorf("%s %v: ping: %+v, %v, want %d errors", f.name, c.said, r, err, c.told)
			}
			g.counted(t, before, c.want)
		}
	}
}
