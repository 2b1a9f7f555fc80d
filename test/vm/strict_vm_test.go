// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
)

// strictCase is a packet from west to east, and the reason that it drops for; "": it arrives.
type strictCase struct {
	name   string
	src    netip.Addr
	port   uint16
	reason string
}

// On a strict interface, packets that the peer of their eroute has encrypted arrive. The same packets in clear
// drop, as do those encrypted by another peer, and those of the peer for which there is no eroute.
func TestStrictInbound(t *testing.T) {
	b := newLab(t)
	b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN, Strict: true})
	for _, f := range []struct {
		name               string
		tunnel, other      lab.Tunnel
		east, west         netip.Prefix
		eastHost, westHost netip.Addr
		westLAN, peer      netip.Addr
		second, pong       string
	}{
		{"v4", lab.Tunnel{}, lab.Tunnel{Src: netip.MustParseAddr("192.1.2.46")},
			lab.EastLAN4, lab.WestLAN4, b.EastHost.LAN4, b.WestHost.LAN4, b.West.LAN4, b.West.WAN4, "192.1.2.46/24", "proto icmp"},
		{"v6", lab.Tunnel{Src: b.East.WAN6, Dst: b.West.WAN6}, lab.Tunnel{Src: netip.MustParseAddr("2001:db8:12::46"), Dst: b.East.WAN6},
			lab.EastLAN6, lab.WestLAN6, b.EastHost.LAN6, b.WestHost.LAN6, b.West.LAN6, b.West.WAN6, "2001:db8:12::46/64", "proto ipv6-icmp type 129"},
	} {
		t.Run(f.name, func(t *testing.T) {
			f.tunnel.From, f.tunnel.To = b.East, b.West
			sa := install(t, f.tunnel)
			back := install(t, sa.Reverse())
			b.answerOnly(t, back, f.east, f.west, f.pong)
			b.add(t, nets(f.east, f.west), sa.TunSAID())
			before := b.reasons(t)
			const count = 5
			r, err := b.EastHost.Ping(within(t, 10*time.Second), lab.Ping{Dst: f.westHost, Count: count})
			if err != nil || r.Received != count {
				t.Errorf("ping: %+v, %v", r, err)
			}
			after := b.reasons(t)
			for _, name := range []string{"clear-inbound", "wrong-peer"} {
				if after[name] != before[name] {
					t.Errorf("%d packets of the peer counted as %s", after[name]-before[name], name)
				}
			}

			ip(t, b.West, "addr add "+f.second+" dev wan nodad")
			t.Cleanup(func() { ip(t, b.West, "addr del "+f.second+" dev wan") })
			f.other.From, f.other.To = b.West, b.East
			other := install(t, f.other)
			for _, port := range []string{"4009", "4010"} {
				by := map[string]*lab.SA{"4009": other, "4010": back}[port]
				b.answerOnly(t, by, f.east, netip.PrefixFrom(f.peer, f.peer.BitLen()), "proto udp dport "+port)
				b.answerOnly(t, by, f.east, f.west, "proto udp dport "+port)
			}
			check := func(cases []strictCase) {
				for _, c := range cases {
					before := b.reasons(t)
					capture, err := b.EastHost.Capture(lab.Eth0)
					if err != nil {
						t.Fatal(err)
					}
					err = b.West.SendUDP(t.Context(), lab.Datagram{
						Src: netip.AddrPortFrom(c.src, 4000), Dst: netip.AddrPortFrom(f.eastHost, c.port), Payload: []byte("strict"),
					})
					if err != nil {
						t.Fatal(err)
					}
					time.Sleep(200 * time.Millisecond)
					frames, err := capture.Stop()
					if err != nil {
						t.Fatal(err)
					}
					want := map[string]uint64{"clear-inbound": 0, "wrong-peer": 0}
					arrived := 1
					if c.reason != "" {
						want[c.reason], arrived = 1, 0
					}
					if n := frames.Count(lab.Match{Incoming: true, DstPort: c.port}); n != arrived {
						t.Errorf("%s: %d packets arrived, want %d", c.name, n, arrived)
					}
					for name, n := range want {
						if got := b.reasons(t)[name] - before[name]; got != n {
							t.Errorf("%s: %d packets counted as %s, want %d", c.name, got, name, n)
						}
					}
				}
			}
			check([]strictCase{
				{"the peer", f.westLAN, 4010, ""},
				{"another peer", f.westLAN, 4009, "wrong-peer"},
				{"the peer without an eroute", f.peer, 4010, "wrong-peer"},
				{"another peer without an eroute", f.peer, 4009, "wrong-peer"},
				{"clear", f.westLAN, 4011, "clear-inbound"},
			})
			b.replace(t, nets(f.east, f.west), fmt.Sprintf("%s,tun0x2000@%s/failover", sa.TunSAID(), other.Src))
			check([]strictCase{
				{"the first peer of a group", f.westLAN, 4010, ""},
				{"the second peer of a group", f.westLAN, 4009, ""},
				{"the second peer of a group without an eroute", f.peer, 4009, "wrong-peer"},
				{"clear, with a group", f.westLAN, 4011, "clear-inbound"},
			})
			b.replace(t, nets(f.east, f.west), sa.TunSAID()+",%trap/failover")
			check([]strictCase{
				{"the peer of a group with %trap", f.westLAN, 4010, ""},
				{"another peer, which a key manager may have selected", f.westLAN, 4009, ""},
				{"clear, with a group with %trap", f.westLAN, 4011, "clear-inbound"},
			})
			b.replace(t, nets(f.east, f.west), sa.TunSAID())
		})
	}
}
