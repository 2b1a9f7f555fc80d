// SPDX-License-Identifier: Apache-2.0

package device

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Versions up to layout 9 answered rejected packets by a packet mark, for which a rule selected a table with
// only a "prohibit" route.
const (
	oldRejectMark         = 0x65720e57
	oldRejectTable        = 0x65720e57
	oldRejectRulePriority = 1
)

var anywhere = map[int]*net.IPNet{
	unix.AF_INET:  {IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
	unix.AF_INET6: {IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
}

// removeRejectRule removes the rule and route that such a version has left.
func removeRejectRule() error {
	var errs []error
	for family := range anywhere {
		rule := netlink.NewRule()
		rule.Family, rule.Priority = family, oldRejectRulePriority
		rule.Mark, rule.Table = oldRejectMark, oldRejectTable
		route := &netlink.Route{Family: family, Table: oldRejectTable, Type: unix.RTN_PROHIBIT, Dst: anywhere[family]}
		for _, err := range []error{netlink.RuleDel(rule), netlink.RouteDel(route)} {
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
