// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// The sender of a packet that is too big for its tunnel, and must not be fragmented, receives the size that
// fits: packets of that size pass.
func TestPathMTU(t *testing.T) {
	b := newBench(t)
	h := b.EastHost
	for _, c := range []struct {
		name      string
		tunnel    lab.Tunnel
		dst       netip.Addr
		headers   int // of an echo request, in bytes
		typ, code uint8
		least     int // the MTU to expect, in bytes
		gateway   netip.Addr
	}{
		{"v4", lab.Tunnel{}, b.WestHost.LAN4, 28, 3, 4, 1420, b.East.LAN4},
		{"v6 in v4", lab.Tunnel{AnyFamily: true}, b.WestHost.LAN6, 48, 2, 0, 1420, b.East.LAN6},
		{"v4 in v6", lab.Tunnel{Src: b.East.WAN6, Dst: b.West.WAN6, AnyFamily: true}, b.WestHost.LAN4, 28, 3, 4, 1400, b.East.LAN4},
		{"v6", lab.Tunnel{Src: b.East.WAN6, Dst: b.West.WAN6}, b.WestHost.LAN6, 48, 2, 0, 1400, b.East.LAN6},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := nets(lab.EastLAN4, lab.WestLAN4)
			if c.dst.Is6() {
				s = nets(lab.EastLAN6, lab.WestLAN6)
			}
			sa := b.connect(t, c.tunnel, s.Src, s.Dst)
			b.add(t, s, sa.TunSAID())
			t.Cleanup(func() { flushPathMTUs(t, h, b.East) })
			stop := b.wire(t)

			ctx := within(t, 30*time.Second)
			r, err := h.Ping(ctx, lab.Ping{Dst: c.dst, Size: 1500 - c.headers, DF: true})
			if err != nil || len(r.Errors) != 1 {
				t.Fatalf("ping of 1500 bytes: %+v, %v", r, err)
			}
			e := r.Errors[0]
			if !e.Is(c.typ, c.code) || e.From != c.gateway || e.MTU < c.least || e.MTU >= 1500 {
				t.Errorf("answer %d/%d from %s, MTU %d", e.Type, e.Code, e.From, e.MTU)
			}
			r, err = h.Ping(ctx, lab.Ping{Dst: c.dst, Size: e.MTU - c.headers, DF: true})
			if err != nil || r.Received != 1 {
				t.Errorf("ping of %d bytes: %+v, %v", e.MTU, r, err)
			}
			checkOnly(t, stop(), layers.IPProtocolESP)
		})
	}
}

// flushPathMTUs flushes the nodes' path MTUs.
func flushPathMTUs(t *testing.T, nodes ...*lab.Node) {
	t.Helper()
	for _, n := range nodes {
		ip(t, n, "route flush cache")
		ip(t, n, "-6 route flush cache")
	}
}

// A packet that is too big and may be fragmented arrives.
func TestFragments(t *testing.T) {
	b := newBench(t)
	sa := b.connect(t, lab.Tunnel{}, lab.EastLAN4, lab.WestLAN4)
	s := nets(lab.EastLAN4, lab.WestLAN4)
	b.add(t, s, sa.TunSAID())
	stop := b.wire(t)
	for _, c := range []struct {
		size    int
		packets uint64 // that are routed into the tunnel
	}{{1472, 1}, {4000, 3}} {
		before := b.eroute(t, s).Packets
		r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Size: c.size, Count: 3})
		if err != nil || r.Received != 3 {
			t.Errorf("ping of %d bytes: %+v, %v", c.size, r, err)
		}
		if n := b.eroute(t, s).Packets - before; n != 3*c.packets {
			t.Errorf("counted %d packets, want %d", n, 3*c.packets)
		}
	}
	checkOnly(t, stop(), layers.IPProtocolESP)
}
