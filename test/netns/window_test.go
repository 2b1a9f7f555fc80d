// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// block adds the blackhole routes, worse than those into ipsec0 and better than all others.
func (g *gateway) block(t *testing.T) {
	t.Helper()
	for _, f := range g.families() {
		if _, err := g.East.IP(t.Context(), "route", "add", "blackhole", f.westNet.String(), "metric", "1024"); err != nil {
			t.Fatal(err)
		}
	}
}

// %pass packets leave through the physical device although the next best route is a blackhole.
func TestPassWithBlackhole(t *testing.T) {
	g := newDetached(t)
	g.block(t)
	g.attach(t, ipsec0, lab.WAN, lab.LAN)
	g.route(t)
	g.only(t, all(eroute.Pass)...)
	for _, f := range g.families() {
		before := g.counts(t)
		r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: f.westHost, Count: 3})
		if err != nil || r.Received != 3 {
			t.Errorf("%s: ping: %+v, %v", f.name, r, err)
		}
		g.counted(t, before, reason("pass", 3))
	}
}

// pour starts streams from nodes to the remote LAN, in both families.
func (g *gateway) pour(t *testing.T, nodes ...*lab.Node) (stop func() (sent uint64)) {
	t.Helper()
	var streams []*lab.Stream
	for _, f := range g.families() {
		for _, n := range nodes {
			src := n.LAN4
			if f.westHost.Is6() {
				src = n.LAN6
			}
			s := &lab.Stream{
				From: n, Src: netip.AddrPortFrom(src, 0), Dst: netip.AddrPortFrom(f.westHost, 9),
				ID: uint32(len(streams) + 1), Rate: 2000,
			}
			if err := s.Start(); err != nil {
				t.Fatal(err)
			}
			streams = append(streams, s)
		}
	}
	return func() (sent uint64) {
		t.Helper()
		for _, s := range streams {
			n, err := s.Stop()
			if err != nil {
				t.Error(err)
			}
			sent += n
		}
		return sent
	}
}

// With blackhole routes the device can be created and deleted, in the documented order and by any accident:
// no packet leaves that the table does not permit.
func TestNoWindow(t *testing.T) {
	g := newDetached(t)
	g.block(t)
	wire, stop := g.watchWire(t), g.pour(t, g.East, g.EastHost)
	ip := func(args string) {
		t.Helper()
		if _, err := g.East.IP(t.Context(), strings.Fields(args)...); err != nil {
			t.Fatal(err)
		}
	}
	moment := func() { time.Sleep(20 * time.Millisecond) }
	for range 3 {
		moment()
		g.attach(t, ipsec0, lab.WAN, lab.LAN)
		moment()
		g.only(t, all(eroute.Drop)...)
		g.route(t)
		moment()
		ip("link set " + ipsec0 + " down") // which removes the routes
		moment()
		ip("link set " + ipsec0 + " up")
		moment()
		g.route(t)
		moment()
		if err := g.detach(ipsec0); err != nil {
			t.Error(err)
		}
		moment()
		g.attach(t, ipsec0, lab.WAN, lab.LAN)
		g.route(t)
		moment()
		ip("link del " + ipsec0)
		moment()
		g.only(t)
	}
	sent := stop()
	if dropped := g.counts(t).Reasons["drop"]; dropped == 0 {
		t.Error("no packet was matched by the table")
	}
	wire(0)
	t.Logf("%d packets, none left", sent)
}

// When the gateway's network namespace is deleted under traffic its devices are deleted one by one: with
// blackhole routes, no packet leaves.
func TestNamespaceDeleted(t *testing.T) {
	for range 3 {
		g := &gateway{Lab: newLab(t), mode: "egress"}
		g.block(t)
		g.attach(t, ipsec0, lab.WAN, lab.LAN)
		g.only(t, all(eroute.Drop)...)
		g.route(t)
		var pinned string
		g.read(t, func(table *maps.Table) error {
			pinned = table.Dir().Path()
			return nil
		})
		// If the kernel reports the deletion, the next table that is created removes it.
		t.Cleanup(func() { _ = os.RemoveAll(pinned) })
		c, err := g.West.Capture(lab.WAN)
		if err != nil {
			t.Fatal(err)
		}
		stop := g.pour(t, g.EastHost)
		if !eventually(t, func() bool { return g.counts(t).Reasons["drop"] > 0 }) {
			t.Error("no packet was matched by the table")
		}
		if err := g.East.Delete(); err != nil {
			t.Fatal(err)
		}
		// The other end of its link is deleted with it.
		for ctx := within(t, time.Minute); ; time.Sleep(5 * time.Millisecond) {
			if _, err := g.EastHost.IP(t.Context(), "link", "show", "dev", lab.Eth0); err != nil {
				break
			}
			if ctx.Err() != nil {
				t.Fatal("the namespace is there after a minute")
			}
		}
		sent := stop()
		frames, err := c.Stop()
		if err != nil && !errors.Is(err, syscall.ENETDOWN) {
			t.Error(err)
		}
		for _, p := range []netip.Prefix{lab.WestLAN4, lab.WestLAN6} {
			if n := frames.Count(lab.Match{Dst: p}); n != 0 {
				t.Errorf("%d of %d packets for %s arrived", n, sent, p)
			}
		}
	}
}
