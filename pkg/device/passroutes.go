// SPDX-License-Identifier: Apache-2.0

package device

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/pkg/netdump"
)

// passRulePriority follows oldRejectRulePriority, which older versions used.
const passRulePriority = 2

// %pass packets leave through the physical device, along the best route through it. For IPv4 the kernel finds
// that route itself, unless a better one leads nowhere, such as a blackhole that catches traffic no longer
// routed into the ipsec device. For IPv6 the kernel uses the best route through any device, which is the one
// into the ipsec device (net/ipv6/route.c, RT6_LOOKUP_F_IFACE is for unspecified sources). So the routes
// through the physical device are copied, if necessary, to a table that a rule selects first for lookups with
// that device as output interface.

func passRule(family int, physical string) *netlink.Rule {
	r := netlink.NewRule()
	r.Family = family
	r.Priority = passRulePriority
	r.OifName = physical
	r.Table = passTable
	return r
}

const passTable = int(bpf.ABILimitsPASS_TABLE)

func addPassRoutes(physical netlink.Link) error {
	for family := range anywhere {
		if err := addPassRule(family, physical.Attrs().Name); err != nil {
			return err
		}
	}
	return syncPassRoutes(physical)
}

func addPassRule(family int, physical string) error {
	err := netlink.RuleAdd(passRule(family, physical))
	if err != nil && !errors.Is(err, unix.EEXIST) && !isGone(err) {
		return fmt.Errorf("add rule for %%pass packets: %w", err)
	}
	return nil
}

// SyncRoutes updates the copies of the routes that %pass packets take.
func SyncRoutes(t *maps.Table) error {
	all, err := List(t)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range all {
		needed, err := needsPassRoutes(&a)
		if err != nil || !needed {
			errs = append(errs, err)
			continue
		}
		if physical, err := netlink.LinkByName(a.Physical); err == nil {
			errs = append(errs, addPassRoutes(physical))
		}
	}
	return errors.Join(errs...)
}

// needsPassRoutes reports whether packets are routed into an ipsec device. Without a watched physical device
// they are, sooner or later. Where it is watched they need not be, and a rule slows all forwarded packets down.
func needsPassRoutes(a *Attachment) (bool, error) {
	if !a.Watched {
		return true, nil
	}
	dev, err := netlink.LinkByName(a.Virtual)
	if _, missing := errors.AsType[netlink.LinkNotFoundError](err); missing {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("find %s: %w", a.Virtual, err)
	}
	for _, family := range families {
		routes, err := netdump.Routes(family, &netlink.Route{LinkIndex: dev.Attrs().Index, Table: unix.RT_TABLE_UNSPEC},
			netlink.RT_FILTER_OIF|netlink.RT_FILTER_TABLE)
		if isGone(err) {
			continue
		}
		if err != nil || slices.ContainsFunc(routes, leads) {
			return err == nil, err
		}
	}
	return false, nil
}

// leads reports whether a route was added for traffic: not one that the kernel adds to each interface.
func leads(r netlink.Route) bool {
	return r.Table != unix.RT_TABLE_LOCAL && r.Type == unix.RTN_UNICAST && !(r.Dst.IP.IsLinkLocalUnicast() && r.Protocol == unix.RTPROT_KERNEL)
}

// blocks reports whether the main table has routes that lead nowhere.
func blocks(family int) (bool, error) {
	routes, err := netdump.Routes(family, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	if lacksFamily(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("list routes: %w", err)
	}
	return slices.ContainsFunc(routes, func(r netlink.Route) bool { return r.Type != unix.RTN_UNICAST }), nil
}

func routesThrough(family, ifindex, table int) (map[string]netlink.Route, error) {
	routes, err := netdump.Routes(family,
		&netlink.Route{LinkIndex: ifindex, Table: table, Type: unix.RTN_UNICAST},
		netlink.RT_FILTER_OIF|netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE)
	if isGone(err) {
		return nil, nil // no IPv6, or no such table yet
	}
	if err != nil {
		return nil, fmt.Errorf("list routes: %w", err)
	}
	byKey := make(map[string]netlink.Route)
	for _, r := range routes {
		byKey[fmt.Sprint(r.Dst, r.Gw, r.Priority)] = r
	}
	return byKey, nil
}

func syncPassRoutes(physical netlink.Link) error {
	var errs []error
	for family := range anywhere {
		errs = append(errs, copyRoutes(family, physical.Attrs().Index))
	}
	return errors.Join(errs...)
}

// copies returns the existing copies of a family's routes, and the routes that should have copies.
func copies(family, ifindex int) (have, want map[string]netlink.Route, err error) {
	if have, err = routesThrough(family, ifindex, passTable); err != nil {
		return nil, nil, err
	}
	needed := family == unix.AF_INET6
	if !needed {
		needed, err = blocks(family)
	}
	if err == nil && needed {
		want, err = routesThrough(family, ifindex, unix.RT_TABLE_MAIN)
	}
	return have, want, err
}

// copyRoutes updates the copies of a family's routes.
func copyRoutes(family, ifindex int) error {
	have, want, err := copies(family, ifindex)
	if err != nil {
		return err
	}
	var errs []error
	for _, key := range onLinkFirst(want) {
		r := want[key]
		if _, ok := have[key]; ok {
			continue
		}
		c := &netlink.Route{
			Family: family, Table: passTable, LinkIndex: ifindex, Dst: r.Dst, Gw: r.Gw, Scope: r.Scope,
			Priority: r.Priority, Flags: int(netlink.FLAG_ONLINK) & r.Flags,
		}
		if c.Dst == nil {
			c.Dst = anywhere[family]
		}
		if err := netlink.RouteReplace(c); err != nil && !isOff(err) { // isOff: the original route has just been removed
			errs = append(errs, fmt.Errorf("copy route %v: %w", c.Dst, err))
		}
	}
	for key := range want {
		delete(have, key)
	}
	return errors.Join(append(errs, deleteCopies(have))...)
}

// onLinkFirst returns the keys of routes in an order in which they can be added: the kernel refuses a gateway
// that is only reachable through another gateway, so the on-link route to it must come first.
func onLinkFirst(routes map[string]netlink.Route) []string {
	keys := make([]string, 0, len(routes))
	for key := range routes {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(routes[a].Gw), len(routes[b].Gw)), cmp.Compare(a, b))
	})
	return keys
}

func deleteCopies(copies map[string]netlink.Route) error {
	var errs []error
	for _, r := range copies {
		if err := netlink.RouteDel(&r); err != nil && !isGone(err) {
			errs = append(errs, fmt.Errorf("delete copy of route %v: %w", r.Dst, err))
		}
	}
	return errors.Join(errs...)
}

func removePassRoutes(ifindex int) error {
	var errs []error
	for family := range anywhere {
		have, err := routesThrough(family, ifindex, passTable)
		errs = append(errs, removePassRules(family, ifindex), err, deleteCopies(have))
	}
	return errors.Join(errs...)
}

// removePassRules removes the rule of an interface, and the rules of interfaces that are gone or were renamed.
func removePassRules(family, ifindex int) error {
	rules, err := netdump.Rules(family, &netlink.Rule{Table: passTable}, netlink.RT_FILTER_TABLE)
	if isGone(err) {
		return nil // no IPv6
	}
	if err != nil {
		return fmt.Errorf("list rules for %%pass packets: %w", err)
	}
	var errs []error
	for _, r := range rules {
		if l, err := netlink.LinkByName(r.OifName); err == nil && l.Attrs().Index != ifindex {
			continue
		}
		if err := netlink.RuleDel(passRule(family, r.OifName)); err != nil && !isGone(err) {
			errs = append(errs, fmt.Errorf("remove rule for %%pass packets: %w", err))
		}
	}
	return errors.Join(errs...)
}
