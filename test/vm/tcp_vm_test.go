// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// large exceeds every frame that fits a link's MTU.
const large = 2000

// TCP passes a tunnel completely, in both directions, routed and from the gateway itself; merged segments are
// encrypted and counted one by one.
func TestTCP(t *testing.T) {
	b := newBench(t)
	in4, in6 := nets(lab.EastLAN4, lab.WestLAN4), nets(lab.EastLAN6, lab.WestLAN6)
	h, w, e := b.EastHost, b.WestHost, b.East
	for _, c := range []struct {
		name     string
		tunnel   lab.Tunnel
		from     *lab.Node
		src, dst netip.Addr
	}{
		{"v4", lab.Tunnel{}, h, h.LAN4, w.LAN4},
		{"v4 CBC", lab.Tunnel{Suite: lab.CBC}, h, h.LAN4, w.LAN4},
		{"v6 in v4", lab.Tunnel{AnyFamily: true}, h, h.LAN6, w.LAN6},
		{"local v4", lab.Tunnel{}, e, e.LAN4, w.LAN4},
		{"local v6", lab.Tunnel{Src: e.WAN6, Dst: b.West.WAN6}, e, e.LAN6, w.LAN6},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := in4
			if c.dst.Is6() {
				s = in6
			}
			sa := b.connect(t, c.tunnel, s.Src, s.Dst)
			b.add(t, s, sa.TunSAID())
			dev := lab.LAN // routed packets are captured on arrival
			if c.from == e {
				dev = virtual
			}
			stop, before := b.wire(t), watch(t, e, dev)
			t.Cleanup(func() { flushPathMTUs(t, h, e, b.West, w) })
			src, dst := netip.AddrPortFrom(c.src, 0), netip.AddrPortFrom(c.dst, 0)
			for _, transfer := range []lab.Transfer{
				{From: c.from, To: w, Src: src, Dst: dst, Bytes: 2 << 20},
				{From: w, To: c.from, Src: dst, Dst: src, Bytes: 1 << 20},
			} {
				if _, err := transfer.Run(within(t, 60*time.Second)); err != nil {
					t.Error(err)
				}
			}
			frames := stop()
			checkOnly(t, frames, layers.IPProtocolESP)
			if c.from == h {
				checkLarge(t, before())
			}
			b.checkSegments(t, s, frames.Count(lab.Match{SPI: sa.SPI}))
		})
	}
}

// checkLarge fails if no segments were merged.
func checkLarge(t *testing.T, frames lab.Frames) {
	t.Helper()
	for _, f := range frames {
		if !f.Outgoing && len(f.Data) > large {
			return
		}
	}
	t.Error("no large segment came in")
}

// TCP also passes with the fast path.
func TestTCPFastPath(t *testing.T) {
	b := newBench(t, lab.LAN)
	sa := b.connect(t, lab.Tunnel{}, lab.EastLAN4, lab.WestLAN4)
	b.add(t, nets(lab.EastLAN4, lab.WestLAN4), sa.TunSAID())
	stop := b.wire(t)
	transfer := lab.Transfer{From: b.EastHost, To: b.WestHost, Dst: netip.AddrPortFrom(b.WestHost.LAN4, 0), Bytes: 2 << 20}
	if _, err := transfer.Run(within(t, 60*time.Second)); err != nil {
		t.Error(err)
	}
	frames := stop()
	checkOnly(t, frames, layers.IPProtocolESP)
	b.checkSegments(t, nets(lab.EastLAN4, lab.WestLAN4), frames.Count(lab.Match{SPI: sa.SPI}))
}

// tooBig is the number of segments TCP may send before it learns the path MTU: its first window (RFC 6928).
// They are counted and not encrypted.
const tooBig = 10

// checkSegments fails if the eroute has not counted each encrypted segment once.
func (b bench) checkSegments(t *testing.T, s eroute.Selector, encrypted int) {
	t.Helper()
	n := int(b.eroute(t, s).Packets)
	if encrypted < (2<<20)/1500 || n < encrypted || n > encrypted+tooBig {
		t.Errorf("counted %d packets, %d encrypted", n, encrypted)
	}
}
