// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// detourName is the device through which packets of transport-mode SAs reach XFRM; see bpf/detour.bpf.c. A
// network namespace has one, as it has one XFRM device.
const detourName = "ipsec-detour"

const (
	detourTable        = int(bpf.ABILimitsDETOUR_TABLE)
	detourRulePriority = passRulePriority
)

// attachDetour creates the detour device, a TUN device without a reader, and returns its ifindex. On an error
// the device is removed.
func attachDetour(t *maps.Table, links loader.Links, dev, phys netlink.Link) (ifindex uint32, err error) {
	if err := removeLeftover(detourName); err != nil {
		return 0, err
	}
	if err := createPlain(detourName); err != nil {
		return 0, fmt.Errorf("create %s: %w", detourName, err)
	}
	detour, err := prepare(detourName, phys.Attrs().MTU)
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, removeLeftover(detourName))
		}
	}()
	index := detour.Attrs().Index
	if err := applySettings(detourName); err != nil {
		return 0, err
	}
	prog, err := loader.LoadDetour(t.Replacements(), dev.Attrs().Index)
	if err != nil {
		return 0, err
	}
	defer func() { _ = prog.Close() }()
	if err := links.Attach(loader.HookDetour, index, prog); err != nil {
		return 0, err
	}
	// From here on removeDetour finds the device by its link.
	if err := t.XFRM().AllowDevice(index); err != nil {
		return 0, err
	}
	if err := netlink.LinkSetUp(detour); err != nil {
		return 0, fmt.Errorf("bring %s up: %w", detourName, err)
	}
	return uint32(index), addDetourRoute(index)
}

func detourRule() *netlink.Rule {
	r := netlink.NewRule()
	r.Family = unix.AF_INET6
	r.Priority = detourRulePriority
	r.OifName = detourName
	r.Table = detourTable
	return r
}

// addDetourRoute adds the IPv6 route and rule by which a lookup with the detour device as output interface
// succeeds. IPv4 needs none: net/ipv4/route.c then takes the destination to be on-link. Without IPv6 nothing is
// added; [Follow] adds the route when IPv6 is enabled.
func addDetourRoute(ifindex int) error {
	route := &netlink.Route{Family: unix.AF_INET6, Table: detourTable, LinkIndex: ifindex, Dst: anywhere[unix.AF_INET6]}
	err := netlink.RouteReplace(route)
	if isOff(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("add route through %s: %w", detourName, err)
	}
	if err := netlink.RuleAdd(detourRule()); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("add rule for %s: %w", detourName, err)
	}
	return nil
}

// removeDetour undoes attachDetour; the kernel removes the route with the device.
func removeDetour(t *maps.Table, links loader.Links) error {
	detours, err := links.On(loader.HookDetour)
	errs := []error{err}
	for _, ifindex := range detours {
		errs = append(errs, t.XFRM().DisallowDevice(ifindex))
		if err := netlink.RuleDel(detourRule()); err != nil && !isGone(err) {
			errs = append(errs, fmt.Errorf("remove rule for %s: %w", detourName, err))
		}
		errs = append(errs, removeLeftover(detourName))
	}
	return errors.Join(errs...)
}
