// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// On a watched bridge, what the gateway routes is matched, and frames that the bridge forwards from one port to
// another are not: they are if the port is watched, too.
func TestBridgedFrames(t *testing.T) {
	for _, c := range []struct {
		name    string
		also    []string
		bridged int // frames that leave
	}{{"bridge", nil, 1}, {"bridge and port", []string{lab.WAN}, 0}} {
		t.Run(c.name, func(t *testing.T) {
			g := newDetached(t)
			batch(t, g.East, "link add br0 type bridge", "link set wan master br0", "link set br0 up")
			g.moveWAN(t, "br0")
			batch(t, g.East, "addr flush dev lan scope global", "link set lan master br0",
				"addr add 192.0.2.254/24 dev br0", "addr add 2001:db8:2::fe/64 dev br0 nodad")
			g.attachAs(t, device.Config{Virtual: ipsec0, Physical: "br0", Also: c.also})
			for _, f := range g.families() {
				g.only(t, from(f.eastNet, f.westNet, eroute.Drop))
				packet := udpPacket(t, netip.AddrPortFrom(f.eastHost, 4000), netip.AddrPortFrom(f.westHost, 53))
				frame := g.ethernet(t, packet)
				for _, to := range []struct {
					node *lab.Node
					dev  string
					left int
				}{{g.East, "br0", 0}, {g.West, lab.WAN, c.bridged}} {
					copy(frame, hardwareAddr(t, to.node, to.dev))
					wire, before := g.watchWire(t), g.counts(t)
					if err := g.EastHost.SendFrame(lab.Eth0, frame); err != nil {
						t.Fatal(err)
					}
					g.counted(t, before, reason("drop", 1-to.left))
					wire(to.left)
				}
			}
		})
	}
}

func hardwareAddr(t *testing.T, n *lab.Node, dev string) (a net.HardwareAddr) {
	t.Helper()
	err := n.Do(func() error {
		i, err := net.InterfaceByName(dev)
		if err == nil {
			a = i.HardwareAddr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}
