// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// The kernel treats a tunnel to an address routed into the ipsec device as a loop (xfrmi_xmit2,
// net/xfrm/xfrm_interface_core.c): such packets are dropped and counted in the device's statistics; none
// leaves in clear.
func TestRouteToPeer(t *testing.T) {
	b := newBench(t)
	for _, c := range []struct {
		name     string
		tunnel   lab.Tunnel
		src, dst netip.Addr
	}{
		{"tunnel v4", lab.Tunnel{}, b.East.WAN4, b.West.WAN4},
		{"tunnel v6", lab.Tunnel{Src: b.East.WAN6, Dst: b.West.WAN6}, b.East.WAN6, b.West.WAN6},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.routePeer(t, c.dst)
			s := nets(lab.Only(c.src), lab.Only(c.dst))
			sa := b.connect(t, c.tunnel, s.Src, s.Dst)
			b.add(t, s, sa.SAID())
			stop, before := b.wire(t), b.loops(t)
			const count = 3
			ping := lab.Ping{Src: c.src, Dst: c.dst, Count: count, Wait: 100 * time.Millisecond}
			if r, err := b.East.Ping(within(t, 20*time.Second), ping); err != nil || r.Received != 0 {
				t.Errorf("ping: %+v, %v", r, err)
			}
			if n := stop().Count(lab.Match{Src: s.Src, Dst: s.Dst}); n != 0 {
				t.Errorf("%d frames on the wire, want none", n)
			}
			if n := b.eroute(t, s).Packets; n != count {
				t.Errorf("counted %d packets, want %d", n, count)
			}
			if n := b.loops(t) - before; n != count {
				t.Errorf("%d packets were taken for a loop, want %d", n, count)
			}
		})
	}
}

// loops returns the number of packets the kernel has dropped on ipsec0 as loops.
func (b bench) loops(t *testing.T) (n uint64) {
	t.Helper()
	err := b.East.Do(func() error {
		link, err := netlink.LinkByName(virtual)
		if err == nil {
			n = link.Attrs().Statistics.Collisions
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
