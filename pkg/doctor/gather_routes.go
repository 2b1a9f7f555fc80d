// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/netdump"
)

// ownTables are the routing tables that attach fills, and the local table.
var ownTables = []int{
	int(bpf.ABILimitsPASS_TABLE), int(bpf.ABILimitsDETOUR_TABLE), unix.RT_TABLE_LOCAL,
}

// gatherRoutes reads the routes of a gateway with ipsec devices.
func (f *Facts) gatherRoutes() error {
	links, err := netdump.Links()
	if err != nil {
		return fmt.Errorf("list interfaces: %w", err)
	}
	names := namesOf(links)
	f.Members = netdump.Members(links)
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		routes, err := netdump.Routes(family, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
		if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) {
			continue
		}
		if err != nil {
			return fmt.Errorf("list routes: %w", err)
		}
		for i := range routes {
			if r := f.route(&routes[i], names); r.Dst.IsValid() && !slices.Contains(ownTables, r.Table) {
				f.Routes = append(f.Routes, r)
			}
		}
	}
	for i := range f.Routes {
		r := &f.Routes[i]
		if !r.IPsec {
			continue
		}
		options, known, err := lookupOptions(r)
		if err != nil {
			return err
		}
		if known {
			r.Taken = f.taken(r.Dst, options, names)
		}
	}
	return nil
}

// lookupOptions returns the lookup options with which routing consults a route's table. They are unknown if the rule
// for the table matches a source or an inbound interface.
func lookupOptions(r *Route) (options *netlink.RouteGetOptions, known bool, err error) {
	options = &netlink.RouteGetOptions{FIBMatch: true}
	if r.Table == unix.RT_TABLE_MAIN || r.Table == unix.RT_TABLE_DEFAULT {
		return options, true, nil
	}
	links, err := netdump.Links()
	if err != nil {
		return nil, false, fmt.Errorf("list interfaces: %w", err)
	}
	for _, v := range vrfs(links) {
		if v.Table == r.Table {
			options.VrfName = v.Name
			return options, true, nil
		}
	}
	family := unix.AF_INET6
	if r.Dst.Addr().Is4() {
		family = unix.AF_INET
	}
	rules, err := netdump.Rules(family, &netlink.Rule{Table: r.Table}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return nil, false, fmt.Errorf("list rules: %w", err)
	}
	for _, rule := range rules {
		if rule.Src == nil && rule.IifName == "" && rule.OifName == "" && !rule.Invert {
			options.Mark = rule.Mark
			return options, true, nil
		}
	}
	return options, len(rules) == 0, nil
}

func namesOf(links []netlink.Link) map[int]string {
	names := make(map[int]string)
	for _, l := range links {
		names[l.Attrs().Index] = l.Attrs().Name
	}
	return names
}

func (f *Facts) route(r *netlink.Route, names map[int]string) Route {
	to := Route{Table: r.Table, Type: r.Type, Dev: names[r.LinkIndex], Metric: r.Priority}
	for _, hop := range r.MultiPath {
		to.Devs = append(to.Devs, names[hop.LinkIndex])
	}
	if r.Dst != nil {
		if addr, ok := netip.AddrFromSlice(r.Dst.IP); ok {
			bits, _ := r.Dst.Mask.Size()
			to.Dst = netip.PrefixFrom(addr.Unmap(), bits)
		}
	}
	to.IPsec = slices.ContainsFunc(f.Devices, func(d Device) bool { return d.Virtual == to.Dev })
	return to
}

// taken returns the route that packets to the first host of a prefix take.
func (f *Facts) taken(dst netip.Prefix, options *netlink.RouteGetOptions, names map[int]string) *Route {
	addr := dst.Addr()
	if !dst.IsSingleIP() {
		addr = addr.Next()
	}
	routes, err := netlink.RouteGetWithOptions(net.IP(addr.AsSlice()), options)
	if err != nil || len(routes) == 0 {
		return nil // not unicast
	}
	r := f.route(&routes[0], names)
	return &r
}
