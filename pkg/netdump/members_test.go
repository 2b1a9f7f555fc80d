// SPDX-License-Identifier: Apache-2.0

package netdump_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/pkg/netdump"
)

// A VRF has no members: its interfaces send their packets themselves.
func TestMembers(t *testing.T) {
	attrs := func(index, master int, name string) netlink.LinkAttrs {
		return netlink.LinkAttrs{Index: index, MasterIndex: master, Name: name}
	}
	got := netdump.Members([]netlink.Link{
		&netlink.Device{LinkAttrs: attrs(1, 4, "eth0")}, &netlink.Device{LinkAttrs: attrs(2, 4, "eth1")},
		&netlink.Device{LinkAttrs: attrs(3, 5, "eth2")}, &netlink.Device{LinkAttrs: attrs(7, 0, "eth3")},
		&netlink.Bond{LinkAttrs: attrs(4, 6, "bond0")}, &netlink.Vrf{LinkAttrs: attrs(5, 0, "blue")}, &netlink.Bridge{LinkAttrs: attrs(6, 0, "br0")},
	})
	want := map[string][]string{"bond0": {"eth0", "eth1"}, "br0": {"bond0"}}
	if !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("members %v, want %v", got, want)
	}
}
