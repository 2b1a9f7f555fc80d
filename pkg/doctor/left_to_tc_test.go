// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"testing"

	"github.com/vishvananda/netlink"
)

func TestLeftToTC(t *testing.T) {
	const here = -1 // ID of the own network namespace in a netlink message
	lan := netlink.LinkAttrs{Name: "lan", Index: 2, NetNsID: here}
	member := lan
	member.MasterIndex = 9
	on := func(name string, parent, netns int) netlink.LinkAttrs {
		return netlink.LinkAttrs{Name: name, Index: 9, ParentIndex: parent, NetNsID: netns}
	}
	for _, c := range []struct {
		lan   netlink.LinkAttrs
		other netlink.Link
		want  string
	}{
		{lan, &netlink.Dummy{LinkAttrs: on("other", 0, here)}, ""},
		{lan, &netlink.Vlan{LinkAttrs: on("lan.10", 2, here)}, "it has VLAN interfaces (lan.10)"},
		{lan, &netlink.Vlan{LinkAttrs: on("wan.10", 3, here)}, ""},
		{lan, &netlink.Vlan{LinkAttrs: on("eth0.10", 2, 5)}, ""}, // its parent has this index in another namespace
		{lan, &netlink.Macvlan{LinkAttrs: on("guest", 2, here)}, "others take its frames (guest)"},
		{lan, &netlink.Bridge{LinkAttrs: on("br0", 0, here)}, ""},
		{member, &netlink.Bridge{LinkAttrs: on("br0", 0, here)}, "it is part of br0"},
		{member, &netlink.Vrf{LinkAttrs: on("red", 0, here)}, ""},
		{lan, &netlink.Veth{LinkAttrs: on("veth0", 2, here)}, ""},
	} {
		device := &netlink.Device{LinkAttrs: c.lan}
		if got := leftToTC(device, []netlink.Link{device, c.other}); got != c.want {
			t.Errorf("with %s %s: %q, want %q", c.other.Type(), c.other.Attrs().Name, got, c.want)
		}
	}
}
