// SPDX-License-Identifier: Apache-2.0

package device

import (
	"maps"

	"github.com/vishvananda/netlink"
)

// StaleRoutes reports whether the routes of a family (AF_INET, AF_INET6) that %pass packets take have changed
// since the last [SyncRoutes]. It returns false if the interface is gone.
func StaleRoutes(family int, physical string) (bool, error) {
	l, err := netlink.LinkByName(physical)
	if err != nil {
		return false, nil
	}
	have, want, err := copies(family, l.Attrs().Index)
	same := func(netlink.Route, netlink.Route) bool { return true } // the keys are equal
	return !maps.EqualFunc(have, want, same), err
}
