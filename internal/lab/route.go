// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// Route routes a prefix into a device without a next hop, like routes into an ipsec device. It takes
// precedence over the gateway's own route to that prefix.
func (n *Node) Route(dst netip.Prefix, dev string) error {
	return n.addRoute(dst, netip.Addr{}, dev, routeMetric)
}

// Unroute removes a route that [Node.Route] added.
func (n *Node) Unroute(dst netip.Prefix, dev string) error {
	r, err := n.newRoute(dst, netip.Addr{}, dev, routeMetric)
	if err == nil {
		err = n.nl.RouteDel(r)
	}
	if err != nil {
		return fmt.Errorf("delete route %s dev %s on %s: %w", dst, dev, n.Name, err)
	}
	return nil
}

func (n *Node) addRoute(dst netip.Prefix, via netip.Addr, dev string, metric int) error {
	r, err := n.newRoute(dst, via, dev, metric)
	if err == nil {
		err = n.nl.RouteAdd(r)
	}
	if err != nil {
		return fmt.Errorf("add route %s dev %s on %s: %w", dst, dev, n.Name, err)
	}
	return nil
}

// newRoute describes a route; the zero via is none, metric 0 is the kernel's default.
func (n *Node) newRoute(dst netip.Prefix, via netip.Addr, dev string, metric int) (*netlink.Route, error) {
	link, err := n.nl.LinkByName(dev)
	if err != nil {
		return nil, err
	}
	r := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: ipNet(dst), Priority: metric}
	if via.IsValid() {
		r.Gw = via.AsSlice()
	} else {
		r.Scope = netlink.SCOPE_LINK
	}
	return r, nil
}
