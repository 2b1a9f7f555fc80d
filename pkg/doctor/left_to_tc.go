// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"strings"

	"github.com/vishvananda/netlink"
)

// leftToTC returns why the XDP program leaves all frames of an interface to TC: other interfaces receive them, by
// VLAN tags that XDP may not see (may_hide_tag in bpf/xdp.bpf.c). Returns "" if it does not. VLAN interfaces in
// other network namespaces are not found.
func leftToTC(l netlink.Link, all []netlink.Link) string {
	var vlans, others []string
	for _, upper := range all {
		a := upper.Attrs()
		switch {
		case a.Index == l.Attrs().MasterIndex && upper.Type() != "vrf":
			return fmt.Sprintf("it is part of %s", a.Name)
		case a.ParentIndex != l.Attrs().Index || a.NetNsID >= 0:
		case upper.Type() == "vlan":
			vlans = append(vlans, a.Name)
		case upper.Type() == "macvlan", upper.Type() == "macvtap", upper.Type() == "ipvlan":
			others = append(others, a.Name)
		}
	}
	switch {
	case len(vlans) > 0:
		return fmt.Sprintf("it has VLAN interfaces (%s)", strings.Join(vlans, ", "))
	case len(others) > 0:
		return fmt.Sprintf("others take its frames (%s)", strings.Join(others, ", "))
	}
	return ""
}
