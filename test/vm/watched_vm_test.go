// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// Without any route into the ipsec device, packets with an SA eroute leave with the SA: forwarded ones and the
// gateway's own.
func TestWatched(t *testing.T) {
	b := newLab(t)
	b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN})
	for _, f := range []struct {
		tunnel     lab.Tunnel
		east, west netip.Prefix
		own, dst   netip.Addr
	}{
		{lab.Tunnel{}, lab.EastLAN4, lab.WestLAN4, b.East.LAN4, b.WestHost.LAN4},
		{lab.Tunnel{Src: b.East.WAN6, Dst: b.West.WAN6}, lab.EastLAN6, lab.WestLAN6, b.East.LAN6, b.WestHost.LAN6},
	} {
		sa := b.connect(t, f.tunnel, f.east, f.west)
		b.add(t, nets(f.east, f.west), sa.TunSAID())
		stop, before := b.wire(t), b.reasons(t)
		r, err := b.EastHost.Ping(within(t, 10*time.Second), lab.Ping{Dst: f.dst, Count: 5})
		if err != nil || r.Received != 5 {
			t.Errorf("ping %s: %+v, %v", f.dst, r, err)
		}
		r, err = b.East.Ping(within(t, 10*time.Second), lab.Ping{Src: f.own, Dst: f.dst, Count: 5})
		if err != nil || r.Received != 5 {
			t.Errorf("ping %s from %s: %+v, %v", f.dst, f.own, r, err)
		}
		checkOnly(t, stop(), layers.IPProtocolESP)
		checkReasons(t, before, b.reasons(t), map[string]uint64{"sa": 10})
		if e := b.eroute(t, nets(f.east, f.west)); e.Packets != 10 {
			t.Errorf("%s has counted %d packets, want 10", e, e.Packets)
		}
	}
}

// An SA in transport mode protects the gateway's own packets to the peer, without a route into the ipsec device
// and without the detour device.
func TestWatchedTransport(t *testing.T) {
	b := newLab(t)
	b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN, Strict: true})
	if err := b.West.SendForGRO(lab.WAN); err != nil {
		t.Fatal(err)
	}
	for _, c := range transports(b) {
		if c.proto != layers.IPProtocolESP {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			tunnel := c.tunnel
			tunnel.From, tunnel.To = b.East, b.West
			sa := install(t, tunnel)
			pong := "proto icmp"
			if c.src.Is6() {
				pong = "proto ipv6-icmp type 129"
			}
			b.answerOnly(t, install(t, sa.Reverse()), lab.Only(sa.Src), lab.Only(sa.Dst), pong)
			s := nets(lab.Only(sa.Src), lab.Only(sa.Dst))
			b.add(t, s, sa.SAID())
			stop, before := b.wire(t), b.reasons(t)
			const count = 10
			got, err := b.East.Ping(within(t, 20*time.Second), lab.Ping{Src: c.src, Dst: sa.Dst, Count: count, Interval: 3 * time.Millisecond})
			if err != nil || got.Received != count {
				t.Errorf("ping: %+v, %v", got, err)
			}
			checkOnly(t, stop(), layers.IPProtocolESP)
			checkReasons(t, before, b.reasons(t), map[string]uint64{"sa": count})
		})
	}
}

// A tunnel for everything, the peer's own address included, is no loop: pings to the peer's networks and to the
// peer itself, and datagrams larger than the MTU, have answers, and nothing but ESP leaves.
func TestWatchedFullTunnel(t *testing.T) {
	b := newLab(t)
	b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN, DropUnmatched: true, Strict: true})
	for _, f := range []struct {
		tunnel     lab.Tunnel
		all, east  netip.Prefix
		own, dst   netip.Addr
		peer, from netip.Addr
		pong       string // selects the peer's answers, but not neighbour discovery
	}{
		{lab.Tunnel{}, netip.MustParsePrefix("0.0.0.0/0"), lab.EastLAN4, b.East.LAN4, b.WestHost.LAN4, b.West.WAN4, b.East.WAN4, "proto icmp"},
		{lab.Tunnel{Src: b.East.WAN6, Dst: b.West.WAN6}, netip.MustParsePrefix("::/0"), lab.EastLAN6, b.East.LAN6, b.WestHost.LAN6, b.West.WAN6, b.East.WAN6, "proto ipv6-icmp type 129"},
	} {
		tunnel := f.tunnel
		tunnel.From, tunnel.To = b.East, b.West
		sa := install(t, tunnel)
		back := install(t, sa.Reverse())
		b.answer(t, back, f.east, f.all)
		b.answerOnly(t, back, lab.Only(f.from), lab.Only(f.peer), f.pong)
		b.add(t, nets(f.all, f.all), sa.TunSAID())
		stop := b.wire(t)
		for _, p := range []lab.Ping{
			{Src: f.own, Dst: f.dst, Count: 5},
			{Src: f.from, Dst: f.peer, Count: 5},
			{Src: f.own, Dst: f.dst, Count: 5, Size: 4000},
		} {
			want := p.Count
			if p.Size > 0 && f.own.Is6() {
				want -= 2 // from which the path MTU is learned
			}
			if r, err := b.East.Ping(within(t, 10*time.Second), p); err != nil || r.Received < want {
				t.Errorf("ping %+v: %+v, %v", p, r, err)
			}
		}
		if r, err := b.EastHost.Ping(within(t, 10*time.Second), lab.Ping{Dst: f.dst, Count: 5}); err != nil || r.Received != 5 {
			t.Errorf("ping from %s: %+v, %v", b.EastHost.Name, r, err)
		}
		checkOnly(t, stop(), layers.IPProtocolESP)
	}
}

// Without a route into the ipsec device it has no XFRM policies of its own, which would slow all forwarded packets
// down. Once there is one, the policies let packets reach the device in spite of a key manager's policy.
func TestWatchedPolicies(t *testing.T) {
	b := newLab(t)
	b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN})
	policies := func() int { return strings.Count(ip(t, b.East, "xfrm policy list dir out"), "dev "+virtual) }
	if n := policies(); n != 0 {
		t.Errorf("%d policies for %s after attach, want 0", n, virtual)
	}
	sa := b.connect(t, lab.Tunnel{}, lab.EastLAN4, lab.WestLAN4)
	b.add(t, nets(lab.EastLAN4, lab.WestLAN4), sa.TunSAID())
	ip(t, b.East, fmt.Sprintf("route add %s dev %s", lab.WestLAN4, virtual))
	ip(t, b.East, fmt.Sprintf("xfrm policy add src %s dst %s dir out action block priority 1000", lab.EastLAN4, lab.WestLAN4))
	b.write(t, func(table *maps.Table) error {
		_, err := device.Follow(table)
		return err
	})
	if n := policies(); n != 2 {
		t.Errorf("%d policies for %s with a route into it, want 2", n, virtual)
	}
	stop := b.wire(t)
	r, err := b.EastHost.Ping(within(t, 10*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 5})
	if err != nil || r.Received != 5 {
		t.Errorf("ping: %+v, %v", r, err)
	}
	checkOnly(t, stop(), layers.IPProtocolESP)
	for _, f := range b.examine(t) {
		if f.Check == "policy" && f.Level != "ok" {
			t.Errorf("doctor: %+v", f)
		}
	}
}
