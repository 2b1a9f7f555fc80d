// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// exit is the doctor's problem about an interface that is not watched.
func exit(text string) [3]string { return [3]string{"problem", "exit", text} }

// Each interface by which protected packets can leave without being matched is named, and not once it has no route.
func TestDoctorExits(t *testing.T) {
	path := testenv.Ipsec(t)
	g := newWatched(t)
	g.ip(t, "link add lte type veth peer name far")
	g.ip(t, "link set lte up")
	g.ip(t, "link set far up")
	g.ip(t, "tuntap add tun7 mode tun")
	g.ip(t, "link set tun7 up")
	for _, c := range []struct{ name, route, want string }{
		{"second WAN", "default dev lte", "lte is not watched, but routes to 192.0.1.0/24, which eroutes protect, lead to it"},
		{"other table", "default dev lte table 100", "lte is not watched, but routes to 192.0.1.0/24, which eroutes protect, lead to it"},
		{"multipath", "default table 100 nexthop dev wan nexthop dev lte", "lte is not watched, but routes to 192.0.1.0/24, which eroutes protect, lead to it"},
		{"tun device", "192.0.1.128/25 dev tun7", "tun7 is not watched, but routes to 192.0.1.128/25, which eroutes protect, lead to it"},
		{"IPv6", "2001:db8:1:0:1::/80 dev tun7", "tun7 is not watched, but routes to 2001:db8:1:0:1::/80, which eroutes protect, lead to it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g.ip(t, "route add "+c.route)
			found(t, g.doctor(t, path), exit(c.want))
			g.ip(t, "route del "+c.route)
			found(t, g.doctor(t, path))
		})
	}
}

// A bridge is watched if all its members are: packets that are routed to it leave through them. The members of a
// watched bridge are not: its program does not see packets that are routed to a member.
func TestWatchedMembers(t *testing.T) {
	path := testenv.Ipsec(t)
	dst := netip.MustParseAddr("198.51.100.1")
	const bridge, member, second, neighbor = "br0", "port1", "port2", "02:00:00:00:00:09" // the neighbor is behind member
	for _, c := range []struct {
		name     string
		physical string
		also     []string
		by       leaving
		exit     string
	}{
		{"bridge, member watched", lab.WAN, []string{member}, leaving{bridge, member, true}, ""},
		{"bridge, watched", lab.WAN, []string{bridge}, leaving{bridge, member, true}, ""},
		{"member of a watched bridge", lab.WAN, []string{bridge}, leaving{member, member, false}, "port1 is not watched, but routes to 198.51.100.1/32, which eroutes protect, lead to it"},
		{"bridge, one of two", lab.WAN, []string{second}, leaving{bridge, member, false}, "port1, a member of br0, is not watched, but routes to 198.51.100.1/32, which eroutes protect, lead to br0"},
		{"bridge, none", lab.WAN, nil, leaving{bridge, member, false}, "br0 is not watched, but routes to 198.51.100.1/32, which eroutes protect, lead to it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newDetached(t)
			members := []string{member}
			if len(c.also) > 0 && c.also[0] == second {
				members = append(members, second)
			}
			g.ip(t, "link add br0 type bridge")
			g.ip(t, "link set br0 up")
			for i, m := range members {
				g.ip(t, fmt.Sprintf("link add %s type veth peer name far%d", m, i))
				g.ip(t, fmt.Sprintf("link set far%d up", i))
				g.ip(t, fmt.Sprintf("link set %s up master br0", m))
			}
			fdb := g.East.Command(t.Context(), "bridge", "fdb", "add", neighbor, "dev", member, "master", "static")
			if out, err := fdb.CombinedOutput(); err != nil {
				t.Fatalf("bridge fdb: %v: %s", err, out)
			}
			g.attachAs(t, device.Config{Virtual: ipsec0, Physical: c.physical, Also: c.also, Ingress: []string{lab.LAN}})
			g.only(t, from(lab.EastLAN4, lab.Only(dst), eroute.Drop))
			g.ip(t, fmt.Sprintf("route add %s dev %s", dst, c.by.route))
			g.ip(t, fmt.Sprintf("neigh add %s lladdr %s dev %s", dst, neighbor, c.by.route))
			var wants [][3]string
			if c.exit != "" {
				wants = append(wants, exit(c.exit))
			}
			found(t, g.doctor(t, path), wants...)
			g.checkExplanation(t, g.explanation(t, path, g.East.LAN4, dst), g.East, g.East.LAN4, dst, c.by)
		})
	}
}
