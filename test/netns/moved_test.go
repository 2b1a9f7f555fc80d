// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// indexOf returns an interface's ifindex.
func indexOf(t *testing.T, n *lab.Node, dev string) (index int) {
	t.Helper()
	err := n.Do(func() error {
		l, err := netlink.LinkByName(dev)
		if err == nil {
			index = l.Attrs().Index
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// An interface that is moved to another network namespace keeps its programs, which pass its packets there,
// although an interface there has the ipsec device's ifindex.
func TestMovedIngress(t *testing.T) {
	for _, mode := range modes[1:] {
		t.Run(mode, func(t *testing.T) {
			g := &gateway{Lab: newLab(t), mode: mode}
			if mode == "tc" {
				occupyXDP(t, g.East, lab.LAN)
			}
			g.attach(t, ipsec0, lab.WAN, lab.LAN)
			t.Cleanup(func() { g.remove(t) })
			g.route(t)
			g.only(t, all(eroute.Drop)...)
			f := g.families()[0]
			to := udpPacket(t, netip.AddrPortFrom(f.eastHost, 4711), netip.AddrPortFrom(f.westHost, 53))
			before := g.counts(t)
			g.sendIP(t, to)
			g.counted(t, before, reason("drop", 1))

			// West takes lan over, and has an interface with ipsec0's ifindex on the path to the remote
			// host.
			out := g.moveToWest(t, indexOf(t, g.East, ipsec0))
			before = g.counts(t)
			c, err := g.West.Capture(out)
			if err != nil {
				t.Fatal(err)
			}
			frame, err := g.EastHost.Frame(lab.Eth0, 0, to)
			if err != nil {
				t.Fatal(err)
			}
			passed := func() int {
				return len(c.Frames().Select(lab.Match{Outgoing: true, Dst: lab.WestLAN4}))
			}
			if !eventually(t, func() bool {
				if err := g.EastHost.SendFrame(lab.Eth0, frame); err != nil {
					t.Fatal(err)
				}
				return passed() > 0
			}) {
				t.Error("no packet was forwarded in the other namespace")
			}
			if _, err := c.Stop(); err != nil {
				t.Error(err)
			}
			g.counted(t, before, reason("none", 0))
		})
	}
}

// moveToWest moves lan to West, whose route to the remote LAN uses a new interface with this ifindex.
func (g *gateway) moveToWest(t *testing.T, index int) (out string) {
	t.Helper()
	ip := func(n *lab.Node, args string) {
		t.Helper()
		if _, err := n.IP(within(t, patience), strings.Fields(args)...); err != nil {
			t.Fatal(err)
		}
	}
	for _, dev := range []string{lab.LAN, lab.WAN} { // their indexes must be free
		ip(g.West, "link del "+dev)
	}
	ip(g.East, "link set lan netns "+g.West.Namespace)
	ip(g.West, fmt.Sprintf("link add name out index %d type veth peer name away", index))
	for _, dev := range []string{"out", "away", lab.LAN} {
		ip(g.West, "link set "+dev+" up")
	}
	ip(g.West, "route replace "+lab.EastLAN4.String()+" dev lan")
	ip(g.West, "addr add 198.51.100.2/24 dev out")
	ip(g.West, "neigh replace 198.51.100.1 lladdr 02:00:00:00:00:09 dev out")
	ip(g.West, "route add "+lab.WestLAN4.String()+" via 198.51.100.1 dev out metric 1")
	return "out"
}
