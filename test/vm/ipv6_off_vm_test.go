// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"errors"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// switchIPv6 switches IPv6 of all interfaces of East on or off, as hardening guides recommend.
func (b bench) switchIPv6(t *testing.T, off string) {
	t.Helper()
	err := errors.Join(b.East.Sysctl("net.ipv6.conf.all.disable_ipv6", off), b.East.Sysctl("net.ipv6.conf.default.disable_ipv6", off))
	if err != nil {
		t.Fatal(err)
	}
}

// A gateway without IPv6 works for IPv4: it attaches, encrypts in either mode, rejects, synchronises and
// detaches. With IPv6 enabled later, --sync adds what IPv6 needs, including the detour's route for SAs in
// transport mode.
func TestIPv6SwitchedOff(t *testing.T) {
	b := newLab(t)
	b.switchIPv6(t, "1")
	rules := func() string { return ip(t, b.East, "-6 rule") + ip(t, b.East, "-6 route show table all") }
	before := rules()
	b.attach(t, lab.LAN)
	if err := b.East.Route(lab.WestLAN4, virtual); err != nil {
		t.Fatal(err)
	}
	ip(t, b.East, "route add blackhole "+lab.WestLAN4.String()+" metric 101")
	b.sync(t)
	b.write(t, device.SyncRoutes)

	s := nets(lab.EastLAN4, lab.WestLAN4)
	sa := b.connect(t, lab.Tunnel{}, s.Src, s.Dst)
	b.add(t, s, sa.SAID())
	b.doctor(t)
	stop := b.wire(t)
	if r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 3}); err != nil || r.Received != 3 {
		t.Errorf("ping through the tunnel: %+v, %v", r, err)
	}
	checkOnly(t, stop(), layers.IPProtocolESP)
	b.replace(t, s, "%reject")
	if r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 1}); err != nil || len(r.Errors) != 1 || !r.Errors[0].Is(3, 13) {
		t.Errorf("rejected ping: %+v, %v", r, err)
	}
	t.Run("transport mode IPv4", func(t *testing.T) {
		peer, _ := b.connectPeers(t, lab.Tunnel{Mode: lab.TransportMode}, "proto icmp")
		stop := b.wire(t)
		const count = 2
		_, _ = b.East.Ping(within(t, 20*time.Second), lab.Ping{Src: b.East.WAN4, Dst: b.West.WAN4, Count: count, Wait: 200 * time.Millisecond})
		if n := stop().Count(lab.Match{Src: lab.Only(b.East.WAN4), Proto: layers.IPProtocolESP, SPI: peer.SPI}); n != count {
			t.Errorf("%d packets of the SA, want %d", n, count)
		}
	})

	b.write(t, detach)
	if after := rules(); after != before {
		t.Errorf("detach left:\n%s\nbefore:\n%s", after, before)
	}
	b.write(t, func(table *maps.Table) error {
		_, err := device.Attach(t.Context(), table, device.Config{Virtual: virtual, Physical: lab.WAN, Ingress: []string{lab.LAN}, Routed: true})
		return err
	})
	b.switchIPv6(t, "0")
	ip(t, b.East, "addr add "+b.East.WAN6.String()+"/64 dev wan nodad")
	if err := b.East.WaitReady(); err != nil {
		t.Fatal(err)
	}
	b.write(t, func(table *maps.Table) error {
		_, err := device.Follow(table)
		return err
	})
	t.Run("transport mode IPv6, switched on later", func(t *testing.T) {
		b.connectPeers(t, lab.Tunnel{Mode: lab.TransportMode, Src: b.East.WAN6, Dst: b.West.WAN6}, "proto ipv6-icmp type 129")
		stop := b.wire(t)
		r, err := b.East.Ping(within(t, 20*time.Second), lab.Ping{Src: b.East.WAN6, Dst: b.West.WAN6, Count: 3})
		if err != nil || r.Received != 3 {
			t.Errorf("ping: %+v, %v", r, err)
		}
		checkOnly(t, stop(), layers.IPProtocolESP)
	})
}
