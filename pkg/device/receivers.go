// SPDX-License-Identifier: Apache-2.0

package device

import (
	"fmt"
	"slices"

	"github.com/vishvananda/netlink"
)

// Receivers returns the interfaces whose GRO receives the packets that arrive on phys: the parent of a VLAN,
// macvlan or ipvlan interface, the ports of a bond, team or bridge, and otherwise phys. all are the interfaces
// of the network namespace; interfaces of other network namespaces are not included.
func Receivers(phys netlink.Link, all []netlink.Link) []netlink.Link {
	return receivers(phys, all, maxStacked)
}

// receiversOf returns the Receivers of all interfaces, each once.
func receiversOf(wans, all []netlink.Link) (found []netlink.Link) {
	for _, wan := range wans {
		for _, l := range Receivers(wan, all) {
			if !slices.ContainsFunc(found, func(other netlink.Link) bool { return other.Attrs().Index == l.Attrs().Index }) {
				found = append(found, l)
			}
		}
	}
	return found
}

// maxStacked limits the depth of stacked interfaces: the kernel's MAX_NEST_DEV.
const maxStacked = 8

func receivers(l netlink.Link, all []netlink.Link, depth int) (found []netlink.Link) {
	if depth == 0 {
		return nil
	}
	below := func(is func(*netlink.LinkAttrs) bool) {
		for _, other := range all {
			if is(other.Attrs()) {
				found = append(found, receivers(other, all, depth-1)...)
			}
		}
	}
	switch {
	case isUpper(l) && isElsewhere(l):
	case isUpper(l):
		below(func(a *netlink.LinkAttrs) bool { return a.Index == l.Attrs().ParentIndex })
	case slices.Contains([]string{"bond", "team", "bridge"}, l.Type()):
		below(func(a *netlink.LinkAttrs) bool { return a.MasterIndex == l.Attrs().Index })
	default:
		found = append(found, l)
	}
	return found
}

// isUpper reports whether an interface receives its packets from a parent interface, after the parent's GRO.
func isUpper(l netlink.Link) bool {
	return slices.Contains([]string{"vlan", "macvlan", "ipvlan"}, l.Type())
}

// isElsewhere reports whether an interface's parent is in another network namespace.
func isElsewhere(l netlink.Link) bool { return l.Attrs().NetNsID >= 0 }

// LimitOfGRO returns the reason why GRO, although enabled, does not receive every packet that arrives on phys;
// "" if none is known. Drivers of network cards use GRO for all packets.
func LimitOfGRO(phys netlink.Link, all []netlink.Link) string {
	limit := func(l netlink.Link) string {
		name := l.Attrs().Name
		switch {
		case isUpper(l) && isElsewhere(l):
			return fmt.Sprintf("the interface below %s is in another network namespace, whose GRO does not find the SAs of this one", name)
		case l.Type() == "veth":
			return fmt.Sprintf("%s is a veth: GRO receives only what its other end sends with TSO off (ethtool -K DEV tso off)", name)
		case l.Type() == "tuntap":
			return name + " is a TUN or TAP interface: GRO receives its packets only if its owner has set IFF_NAPI"
		case l.Attrs().EncapType == "ppp":
			return name + " is a PPP interface, whose packets GRO does not receive"
		}
		return ""
	}
	if text := limit(phys); text != "" {
		return text
	}
	for _, l := range Receivers(phys, all) {
		if text := limit(l); text != "" {
			return text
		}
	}
	return ""
}
