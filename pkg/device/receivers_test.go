// SPDX-License-Identifier: Apache-2.0

package device

import (
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestReceivers(t *testing.T) {
	attrs := func(index int, name string, change ...func(*netlink.LinkAttrs)) netlink.LinkAttrs {
		a := netlink.NewLinkAttrs()
		a.Index, a.Name, a.EncapType = index, name, "ether"
		for _, c := range change {
			c(&a)
		}
		return a
	}
	parent := func(index int) func(*netlink.LinkAttrs) {
		return func(a *netlink.LinkAttrs) { a.ParentIndex = index }
	}
	master := func(index int) func(*netlink.LinkAttrs) {
		return func(a *netlink.LinkAttrs) { a.MasterIndex = index }
	}
	elsewhere := func(a *netlink.LinkAttrs) { a.NetNsID = 0 }
	ppp := func(a *netlink.LinkAttrs) { a.EncapType = "ppp" }
	all := []netlink.Link{
		&netlink.Device{LinkAttrs: attrs(1, "eth0", master(3))},
		&netlink.Device{LinkAttrs: attrs(2, "eth1", master(3))},
		&netlink.Bond{LinkAttrs: attrs(3, "bond0")},
		&netlink.Vlan{LinkAttrs: attrs(4, "bond0.7", parent(3))},
		&netlink.Device{LinkAttrs: attrs(5, "eth2")},
		&netlink.Macvlan{LinkAttrs: attrs(6, "mac", parent(5))},
		&netlink.Macvlan{LinkAttrs: attrs(7, "far", parent(5), elsewhere)},
		&netlink.Veth{LinkAttrs: attrs(8, "veth", parent(5), elsewhere)},
		&netlink.Bridge{LinkAttrs: attrs(9, "br0")},
		&netlink.Veth{LinkAttrs: attrs(10, "port", master(9))},
		&netlink.GenericLink{LinkAttrs: attrs(11, "ppp0", ppp), LinkType: "ppp"},
		&netlink.Tuntap{LinkAttrs: attrs(12, "tun0")},
		&netlink.Vlan{LinkAttrs: attrs(13, "loop", parent(13))},
	}
	for _, c := range []struct {
		name, want string // want: the names of the receivers
		limit      string // a part; "": none
	}{
		{"eth2", "eth2", ""},
		{"bond0", "eth0 eth1", ""},
		{"bond0.7", "eth0 eth1", ""},
		{"mac", "eth2", ""},
		{"far", "", "another network namespace"},
		{"veth", "veth", "veth is a veth"},
		{"br0", "port", "port is a veth"},
		{"ppp0", "ppp0", "PPP"},
		{"tun0", "tun0", "IFF_NAPI"},
		{"loop", "", ""},
	} {
		i := slices.IndexFunc(all, func(l netlink.Link) bool { return l.Attrs().Name == c.name })
		var names []string
		for _, l := range Receivers(all[i], all) {
			names = append(names, l.Attrs().Name)
		}
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s: receivers %q, want %q", c.name, got, c.want)
		}
		if got := LimitOfGRO(all[i], all); c.limit == "" && got != "" || !strings.Contains(got, c.limit) {
			t.Errorf("%s: limit %q, want %q", c.name, got, c.limit)
		}
	}
}
