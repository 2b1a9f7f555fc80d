// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Packets of no eroute or of %drop are not forwarded, not answered, and counted once each.
func TestDrop(t *testing.T) {
	const pings, datagrams = 3, 4
	said := eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x135, Dst: netip.MustParseAddr("192.1.2.45")}
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		for _, c := range []struct {
			name    string
			eroutes []eroute.Change
			want    func(n int) counts
		}{
			{"no eroute", nil, func(n int) counts { return noEroute("no-eroute", n) }},
			{"another source", []eroute.Change{from(lab.Only(f.wan), f.westNet, eroute.Pass)}, func(n int) counts { return noEroute("no-eroute", n) }},
			{"drop", all(eroute.Drop), func(n int) counts { return reason("drop", n) }},
			{"hold", all(eroute.Hold), func(n int) counts { return reason("hold-not-stored", n) }},
			{"trap", all(eroute.Trap), func(n int) counts { return reason("trap-no-relay", n) }},
			{"trapsubnet", all(eroute.TrapSubnet), func(n int) counts { return reason("trap-no-relay", n) }},
			{"SA without ESP", all(said), func(n int) counts { return reason("no-xfrm", n) }},
			{"drop within pass", append(all(eroute.Pass), from(lab.Only(f.eastHost), lab.Only(f.westHost), eroute.Drop),
				from(lab.Only(f.eastLAN), lab.Only(f.westHost), eroute.Drop)), func(n int) counts { return reason("drop", n) }},
		} {
			t.Run(c.name, func(t *testing.T) {
				g.only(t, c.eroutes...)
				wire := g.watchWire(t)
				errors := watchICMP(t, g.EastHost)
				before := g.counts(t)
				ctx := within(t, patience)
				for _, from := range []struct {
					node *lab.Node
					src  netip.Addr
				}{{g.EastHost, f.eastHost}, {g.East, f.eastLAN}} {
					r, err := from.node.Ping(ctx, lab.Ping{Src: from.src, Dst: f.westHost, Count: pings, Interval: time.Millisecond, Wait: 20 * time.Millisecond})
					// A raw IPv6 socket receives ENOBUFS for a local drop.
					if err != nil || r.Received != 0 || r.Sent+len(r.SendErrors) != pings || len(r.Errors) != 0 {
						t.Errorf("ping from %s: %+v, %v, want %d sent and silence", from.node.Name, r, err, pings)
					}
					for range datagrams {
						d := lab.Datagram{Src: netip.AddrPortFrom(from.src, 0), Dst: netip.AddrPortFrom(f.westHost, 53), Payload: make([]byte, 100)}
						if err := from.node.SendUDP(ctx, d); err != nil {
							t.Error(err)
						}
					}
				}
				g.counted(t, before, c.want(2*(pings+datagrams)))
				wire(0)
				errors(0)
			})
		}
	})
}

// Packets dropped by the fast path are not routed.
func TestFastPathDrop(t *testing.T) {
	const pings = 5
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		g.only(t, all(eroute.Drop)...)
		before, counted := g.forwarded(t, f), g.counts(t)
		if _, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: f.westHost, Count: pings, Interval: time.Millisecond, Wait: 20 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		g.counted(t, counted, reason("drop", pings))
		want := 0
		if g.mode == "egress" {
			want = pings
		}
		if got := g.forwarded(t, f) - before; got != want {
			t.Errorf("the gateway's stack forwarded %d packets, want %d", got, want)
		}
	})
}
