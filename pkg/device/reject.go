// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
)

// rejectRulePriority comes right after the rule for local addresses.
const rejectRulePriority = 1

var anywhere = map[int]*net.IPNet{
	unix.AF_INET:  {IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
	unix.AF_INET6: {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
}

func rejectRule(family int) *netlink.Rule {
	r := netlink.NewRule()
	r.Family = family
	r.Priority = rejectRulePriority
	r.Mark = uint32(bpf.ABILimitsREJECT_MARK)
	r.Table = int(bpf.ABILimitsREJECT_TABLE)
	return r
}

func rejectRoute(family int) *netlink.Route {
	return &netlink.Route{Family: family, Table: int(bpf.ABILimitsREJECT_TABLE), Type: unix.RTN_PROHIBIT, Dst: anywhere[family]}
}

// addReject makes routing answer marked packets with "prohibited": the kernel's own
// ICMP error, with its source address, limits and quotation.
func addReject() error {
	for family := range anywhere {
		err := netlink.RouteReplace(rejectRoute(family))
		if lacksFamily(err) {
			continue // nothing to reject there
		}
		if err != nil {
			return fmt.Errorf("add prohibit route: %w", err)
		}
		if err := netlink.RuleAdd(rejectRule(family)); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("add rule for rejected packets: %w", err)
		}
	}
	return nil
}

func removeReject() error {
	var errs []error
	for family := range anywhere {
		for _, err := range []error{netlink.RuleDel(rejectRule(family)), netlink.RouteDel(rejectRoute(family))} {
			if err != nil && !isGone(err) {
				errs = append(errs, fmt.Errorf("remove rule for rejected packets: %w", err))
			}
		}
	}
	return errors.Join(errs...)
}

func isGone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) || lacksFamily(err)
}
