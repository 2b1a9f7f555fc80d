// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// passRulePriority comes after the rule for rejected packets.
const passRulePriority = 2

// %pass packets leave by the physical device along the best route through it. For IPv4
// the kernel finds that itself. For IPv6 it takes the best route through any device
// (net/ipv6/route.c, RT6_LOOKUP_F_IFACE is for unspecified sources), which is the one
// into the ipsec device: so the routes through the physical device are copied to a
// table that is asked first where that device is demanded.

func passRule(physical string) *netlink.Rule {
	r := netlink.NewRule()
	r.Family = unix.AF_INET6
	r.Priority = passRulePriority
	r.OifName = physical
	r.Table = passTable
	return r
}

const passTable = int(bpf.ABILimitsPASS_TABLE)

func addPassRoutes(physical netlink.Link) error {
	err := netlink.RuleAdd(passRule(physical.Attrs().Name))
	if err != nil && !errors.Is(err, unix.EEXIST) && !isGone(err) {
		return fmt.Errorf("add rule for %%pass packets: %w", err)
	}
	return syncPassRoutes(physical)
}

// SyncRoutes brings the copies of the routes that %pass packets take up to date.
func SyncRoutes(t *maps.Table) error {
	all, err := List(t)
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range all {
		if physical, err := netlink.LinkByName(a.Physical); err == nil {
			errs = append(errs, syncPassRoutes(physical))
		}
	}
	return errors.Join(errs...)
}

func routesThrough(ifindex, table int) (map[string]netlink.Route, error) {
	routes, err := netlink.RouteListFiltered(unix.AF_INET6,
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
	ifindex := physical.Attrs().Index
	want, err := routesThrough(ifindex, unix.RT_TABLE_MAIN)
	if err != nil {
		return err
	}
	have, err := routesThrough(ifindex, passTable)
	if err != nil {
		return err
	}
	var errs []error
	for key, r := range want {
		if _, ok := have[key]; ok {
			continue
		}
		c := &netlink.Route{
			Family: unix.AF_INET6, Table: passTable, LinkIndex: ifindex, Dst: r.Dst, Gw: r.Gw,
			Priority: r.Priority, Flags: int(netlink.FLAG_ONLINK) & r.Flags,
		}
		if c.Dst == nil {
			c.Dst = anywhere[unix.AF_INET6]
		}
		if err := netlink.RouteReplace(c); err != nil {
			errs = append(errs, fmt.Errorf("copy route %v: %w", c.Dst, err))
		}
	}
	for key := range want {
		delete(have, key)
	}
	return errors.Join(append(errs, deleteCopies(have))...)
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
	have, err := routesThrough(ifindex, passTable)
	return errors.Join(removePassRules(ifindex), err, deleteCopies(have))
}

// removePassRules removes the rule of an interface, and those of interfaces that are gone
// or have another name now.
func removePassRules(ifindex int) error {
	rules, err := netlink.RuleListFiltered(unix.AF_INET6, &netlink.Rule{Table: passTable}, netlink.RT_FILTER_TABLE)
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
		if err := netlink.RuleDel(passRule(r.OifName)); err != nil && !isGone(err) {
			errs = append(errs, fmt.Errorf("remove rule for %%pass packets: %w", err))
		}
	}
	return errors.Join(errs...)
}
