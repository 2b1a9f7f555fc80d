// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/netdump"
)

// allowed checks that the policies exist that let packets reach the device, if packets are routed into it. Where
// none are, there are no such policies: with any policy, XFRM looks each forwarded packet up.
func (f *follower) allowed() ([]step, error) {
	if !f.config.HasXFRM || f.config.Allowed || f.table.XFRM() == nil {
		return nil, nil // restored with the policies of SAs, see maps.Table.Sync
	}
	needed, err := f.isRoutedInto()
	if err != nil || !needed {
		return nil, err
	}
	name, ifindex := f.dev.Attrs().Name, f.dev.Attrs().Index
	text := "packets are routed into " + name + ", and no XFRM policies let them reach it"
	return []step{{Difference{Text: text, Cost: "policies of key managers are applied before the table"}, func() error {
		if err := f.table.XFRM().AllowDevice(ifindex); err != nil {
			return err
		}
		f.config.Allowed = true
		return f.table.PutDevice(uint32(ifindex), f.config)
	}}}, nil
}

// passRules checks that a rule for %pass packets exists for the current name of the physical interface. Its
// repair also removes the rules for names that no ipsec device is bound to.
func (f *follower) passRules() (found []step, err error) {
	needed, err := f.isRoutedInto()
	if err != nil || !needed {
		return nil, err
	}
	if f.phys == nil {
		return nil, nil // the rule is added when the interface returns
	}
	for _, family := range families {
		rules, err := netdump.Rules(family, &netlink.Rule{Table: passTable}, netlink.RT_FILTER_TABLE)
		if lacksFamily(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list rules for %%pass packets: %w", err)
		}
		name := f.phys.Attrs().Name
		if !slices.ContainsFunc(rules, func(r netlink.Rule) bool { return r.OifName == name }) {
			found = append(found, step{
				Difference{
					Text: fmt.Sprintf("there is no %s routing rule for %%pass packets through %s", familyName(family), name),
					Cost: "%pass packets are dropped where routes into the ipsec device or blackhole routes take precedence",
				},
				func() error {
					return errors.Join(addPassRule(family, name), removePassRules(family, 0))
				},
			})
		}
	}
	return found, nil
}

// detour checks that the IPv6 route to the detour device exists once the device has IPv6.
func (f *follower) detour() ([]step, error) {
	if f.find("", int(f.config.Detour)) == nil {
		return nil, nil
	}
	has, err := hasDetourRoute(int(f.config.Detour))
	if err != nil || has {
		return nil, err
	}
	text := "there is no IPv6 route through " + detourName
	return []step{{Difference{Text: text, Cost: "packets of IPv6 SAs in transport mode are dropped"}, func() error {
		return addDetourRoute(int(f.config.Detour))
	}}}, nil
}

// hasDetourRoute reports whether the IPv6 route and rule to the detour device exist, or are not needed because
// it has no IPv6.
func hasDetourRoute(ifindex int) (bool, error) {
	on, err := hasIPv6(ifindex)
	if err != nil || !on {
		return true, err
	}
	routes, err := netdump.Routes(unix.AF_INET6, &netlink.Route{LinkIndex: ifindex, Table: detourTable},
		netlink.RT_FILTER_OIF|netlink.RT_FILTER_TABLE)
	if err != nil && !isGone(err) {
		return false, fmt.Errorf("list routes through %s: %w", detourName, err)
	}
	rules, err := netdump.Rules(unix.AF_INET6, &netlink.Rule{Table: detourTable}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return false, fmt.Errorf("list rules for %s: %w", detourName, err)
	}
	return len(routes) > 0 && len(rules) > 0, nil
}
