// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Programs are swapped under packets of an SA without a loss, including those of transport mode's detour; the
// program that marks ended states is swapped, too.
func TestUpgrade(t *testing.T) {
	const upgrades = 2
	b := newBench(t, lab.LAN)
	s := nets(lab.EastLAN4, lab.WestLAN4)
	sa := installUntilDeleted(t, lab.Tunnel{From: b.East, To: b.West})
	b.add(t, s, sa.TunSAID())
	transport, peers := b.connectPeers(t, transports(b)[2].tunnel, "proto ipv6-icmp type 129")

	count, err := b.WestHost.CountStreams(netip.AddrPortFrom(b.WestHost.LAN4, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = count.Close() }()
	peerCount, err := b.West.CountStreams(netip.AddrPortFrom(transport.Dst, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = peerCount.Close() }()
	stop := b.wire(t)
	routed := &lab.Stream{From: b.EastHost, Dst: netip.AddrPortFrom(b.WestHost.LAN4, count.Port()), ID: 1, Rate: 500}
	local := &lab.Stream{From: b.East, Src: netip.AddrPortFrom(transport.Src, 0), Dst: netip.AddrPortFrom(transport.Dst, peerCount.Port()), ID: 2, Rate: 200}
	for _, stream := range []*lab.Stream{routed, local} {
		if err := stream.Start(); err != nil {
			t.Fatal(err)
		}
	}
	for range upgrades {
		time.Sleep(300 * time.Millisecond)
		b.write(t, device.Upgrade)
	}
	for _, c := range []struct {
		stream *lab.Stream
		count  *lab.StreamCount
		met    eroute.Selector
	}{{routed, count, s}, {local, peerCount, peers}} {
		sent, err := c.stream.Stop()
		if err != nil {
			t.Error(err)
		}
		if err := c.count.Wait(within(t, 20*time.Second), c.stream.ID, sent); err != nil {
			t.Error(err)
		}
		if once, again := c.count.Arrived(c.stream.ID); once != sent || again != 0 || sent < 100 {
			t.Errorf("stream %d: %d of %d packets arrived, %d again", c.stream.ID, once, sent, again)
		}
		if n := b.eroute(t, c.met).Packets; n != sent {
			t.Errorf("stream %d: its eroute has counted %d packets of %d", c.stream.ID, n, sent)
		}
		t.Logf("stream %d: %d packets, none lost", c.stream.ID, sent)
	}
	checkOnly(t, stop(), layers.IPProtocolESP)

	for _, n := range []*lab.Node{b.East, b.West} {
		ip(t, n, "xfrm state delete "+identity(sa))
	}
	before := b.reasons(t)["sa-missing"]
	if r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 3, Wait: 200 * time.Millisecond}); err != nil || r.Received != 0 {
		t.Errorf("ping without the state: %d answered, %v", r.Received, err)
	}
	if n := b.reasons(t)["sa-missing"] - before; n != 3 {
		t.Errorf("%d packets counted as sa-missing, want 3", n)
	}
}
