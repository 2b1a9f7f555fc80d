// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/fib"
	"github.com/ipsec-eroute/eroute/pkg/netdump"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// VRF is a virtual routing and forwarding domain (ip-vrf(8)).
type VRF struct {
	Name  string
	Table int
}

func vrfs(links []netlink.Link) (all []VRF) {
	for _, l := range links {
		if v, ok := l.(*netlink.Vrf); ok {
			all = append(all, VRF{v.Name, int(v.Table)})
		}
	}
	return all
}

// peers looks up the routes that XFRM uses for the packets of states.
type peers struct {
	router fib.Router
	links  []netlink.Link
	own    map[netip.Addr]bool
}

func newPeers() (*peers, error) {
	links, err := netdump.Links()
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	own, err := netdump.Addresses()
	if err != nil {
		return nil, fmt.Errorf("list addresses: %w", err)
	}
	return &peers{links: links, own: own}, nil
}

// gather finds the route of the packets of an SA with this state.
func (p *peers) gather(sa *SA, state xfrm.State) error {
	tunnel := state.Tunnel()
	if sa.Tunnel = tunnel != nil; !sa.Tunnel {
		return nil
	}
	if src := tunnel.Src; src.Is4() && !src.IsUnspecified() && !p.isOwn(src) {
		sa.Foreign = src
		return nil
	}
	hop, err := p.router.Output(tunnel.Outgoing())
	switch {
	case errors.Is(err, fib.ErrNoRoute):
		sa.NoRoute, sa.VRF = true, p.vrfTo(state.Dst)
		return nil
	case err != nil:
		return fmt.Errorf("look up route to %s: %w", sa.SAID.Dst, err)
	}
	for _, l := range p.links {
		if l.Attrs().Index == hop.Ifindex {
			sa.PeerDev = l.Attrs().Name
		}
	}
	return nil
}

// isOwn reports whether routing treats an IPv4 address as the gateway's own, as it requires of a source address.
func (p *peers) isOwn(addr netip.Addr) bool {
	if p.own[addr] {
		return true
	}
	routes, err := netlink.RouteGet(addr.AsSlice())
	return err == nil && len(routes) == 1 && routes[0].Type == unix.RTN_LOCAL
}

// vrfTo returns a VRF that has a route to an address; nil if none has.
func (p *peers) vrfTo(addr netip.Addr) *VRF {
	for _, v := range vrfs(p.links) {
		routes, err := netlink.RouteGetWithOptions(addr.AsSlice(), &netlink.RouteGetOptions{VrfName: v.Name})
		if err == nil && len(routes) == 1 && routes[0].Type == unix.RTN_UNICAST {
			return &v
		}
	}
	return nil
}

// ipOf returns the ip command for the routes of an address's family.
func ipOf(addr netip.Addr) string {
	if addr.Is6() {
		return "ip -6"
	}
	return "ip"
}
