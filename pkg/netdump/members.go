// SPDX-License-Identifier: Apache-2.0

package netdump

import "github.com/vishvananda/netlink"

// Members returns the members of bonds, bridges and teams, by the names of these.
func Members(links []netlink.Link) map[string][]string {
	names := make(map[int]string)
	for _, l := range links {
		if l.Type() != "vrf" {
			names[l.Attrs().Index] = l.Attrs().Name
		}
	}
	members := make(map[string][]string)
	for _, l := range links {
		if master := names[l.Attrs().MasterIndex]; master != "" {
			members[master] = append(members[master], l.Attrs().Name)
		}
	}
	return members
}
