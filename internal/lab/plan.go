// SPDX-License-Identifier: Apache-2.0

package lab

import "net/netip"

// The networks of a lab. They are the same in every lab.
var (
	EastLAN4 = netip.MustParsePrefix("192.0.2.0/24")
	EastLAN6 = netip.MustParsePrefix("2001:db8:2::/64")
	WestLAN4 = netip.MustParsePrefix("192.0.1.0/24")
	WestLAN6 = netip.MustParsePrefix("2001:db8:1::/64")
	WAN4     = netip.MustParsePrefix("192.1.2.0/24")
	WAN6     = netip.MustParsePrefix("2001:db8:12::/64")
)

// The device names in a lab: a host has [Eth0], a gateway [LAN] and [WAN].
const (
	Eth0 = "eth0"
	LAN  = "lan"
	WAN  = "wan"
)

// FallbackMetric is the metric of a gateway's own route to the remote LAN through [WAN]. [Node.Route] adds
// routes with a better one.
const FallbackMetric = 4096

// routeMetric is the metric of the routes that [Node.Route] adds.
const routeMetric = 100

// address returns the prefix's network address with its last byte set to host.
func address(network netip.Prefix, host byte) netip.Addr {
	b := network.Addr().AsSlice()
	b[len(b)-1] = host
	a, _ := netip.AddrFromSlice(b)
	return a
}

// plan fills in the addresses of a new lab's nodes.
func (l *Lab) plan() {
	const hostByte, gatewayByte, eastByte, westByte = 1, 254, 23, 45
	l.EastHost.LAN4, l.EastHost.LAN6 = address(EastLAN4, hostByte), address(EastLAN6, hostByte)
	l.WestHost.LAN4, l.WestHost.LAN6 = address(WestLAN4, hostByte), address(WestLAN6, hostByte)
	l.East.LAN4, l.East.LAN6 = address(EastLAN4, gatewayByte), address(EastLAN6, gatewayByte)
	l.West.LAN4, l.West.LAN6 = address(WestLAN4, gatewayByte), address(WestLAN6, gatewayByte)
	l.East.WAN4, l.East.WAN6 = address(WAN4, eastByte), address(WAN6, eastByte)
	l.West.WAN4, l.West.WAN6 = address(WAN4, westByte), address(WAN6, westByte)
}
