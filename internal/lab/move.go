// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"context"
	"fmt"
	"net/netip"
)

// MoveWAN gives the addresses and routes of a gateway's wan to another interface, such as a bridge above wan.
// table is where the routes are added, in the form of ip-route(8); "": the main table.
func (l *Lab) MoveWAN(ctx context.Context, n *Node, dev, table string) error {
	lines := []string{"addr flush dev wan scope global"} // and the routes of IPv4 with them
	for _, w := range l.wanRoutes(n) {
		lines = append(lines, fmt.Sprintf("route flush %s dev wan", w.dst))
	}
	return n.Batch(ctx, append(lines, l.wanLines(n, dev, table)...)...)
}

// RestoreWAN adds the addresses and routes of a gateway's wan again, as a DHCP client does after wan was down.
func (l *Lab) RestoreWAN(ctx context.Context, n *Node) error {
	return n.Batch(ctx, l.wanLines(n, WAN, "")...)
}

// wanLines are the ip(8) commands that add a gateway's addresses and routes of wan to an interface.
func (l *Lab) wanLines(n *Node, dev, table string) []string {
	lines := []string{
		fmt.Sprintf("addr replace %s/%d dev %s", n.WAN4, WAN4.Bits(), dev),
		fmt.Sprintf("addr replace %s/%d dev %s nodad", n.WAN6, WAN6.Bits(), dev),
	}
	for _, w := range l.wanRoutes(n) {
		lines = append(lines, fmt.Sprintf("route replace %s via %s dev %s metric %d %s", w.dst, w.via, dev, FallbackMetric, table))
	}
	return lines
}

// wanRoute is a gateway's route to the remote LAN.
type wanRoute struct {
	dst netip.Prefix
	via netip.Addr
}

func (l *Lab) wanRoutes(n *Node) []wanRoute {
	if n == l.East {
		return []wanRoute{{WestLAN4, l.West.WAN4}, {WestLAN6, l.West.WAN6}}
	}
	return []wanRoute{{EastLAN4, l.East.WAN4}, {EastLAN6, l.East.WAN6}}
}
