// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// Tagged frames get the same verdicts, once, with the fast path on the interface below the tags or on the
// VLAN interface.
func TestVLAN(t *testing.T) {
	b := newLab(t)
	b.addVLAN(t, "", "100", "802.1q", 1)
	b.addVLAN(t, ".100", "200", "802.1q", 2)
	b.addVLAN(t, "", "300", "802.1ad", 3)
	b.addVLAN(t, ".300", "400", "802.1q", 4)
	for _, c := range []struct {
		name    string
		ingress []string
	}{
		{"no fast path", nil}, {"on lan", []string{lab.LAN}},
		{"on the VLAN", []string{"lan.100"}}, {"on the inner VLAN", []string{"lan.100.200"}},
		{"on both", []string{lab.LAN, "lan.100"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.attach(t, c.ingress...)
			b.routeLANs(t)
			for _, net := range []struct {
				name   string
				number int
			}{{"tag", 1}, {"two tags", 2}, {"service tag", 3}, {"QinQ", 4}} {
				t.Run(net.name, func(t *testing.T) { b.checkVLAN(t, net.number) })
			}
		})
	}
}

// addVLAN adds a VLAN interface on both ends of East's LAN, with the network 10.100.NUMBER.0/24 on it, which
// West reaches through East.
func (b bench) addVLAN(t *testing.T, below, id, protocol string, number int) {
	t.Helper()
	for _, end := range []struct {
		node *lab.Node
		dev  string
		host int
	}{{b.EastHost, lab.Eth0, 1}, {b.East, lab.LAN, 254}} {
		parent := end.dev + below
		dev := parent + "." + id
		ip(t, end.node, fmt.Sprintf("link add link %s name %s type vlan proto %s id %s", parent, dev, protocol, id))
		ip(t, end.node, fmt.Sprintf("addr add 10.100.%d.%d/24 dev %s", number, end.host, dev))
		ip(t, end.node, "link set "+dev+" up")
	}
	ip(t, b.West, fmt.Sprintf("route add 10.100.%d.0/24 via %s", number, b.East.WAN4))
}

func (b bench) checkVLAN(t *testing.T, number int) {
	src := netip.AddrFrom4([4]byte{10, 100, byte(number), 1})
	// The host has a route through its VLAN for one address, that of the peer's host.
	gateway := fmt.Sprintf("%s via 10.100.%d.254", b.WestHost.LAN4, number)
	ip(t, b.EastHost, "route add "+gateway)
	t.Cleanup(func() { ip(t, b.EastHost, "route del "+gateway) })
	s := nets(netip.PrefixFrom(src, 24).Masked(), lab.WestLAN4)
	for _, v := range verdicts[:3] { // the others have the verdict of %drop
		t.Run(v.reason, func(t *testing.T) {
			if v.said != "" {
				b.add(t, s, v.said)
			}
			before := b.reasons(t)
			b.checkVerdict(t, b.EastHost, src, b.WestHost.LAN4, v.reason)
			checkReasons(t, before, b.reasons(t), map[string]uint64{v.reason: 2})
		})
	}
	t.Run("sa", func(t *testing.T) {
		sa := b.connect(t, lab.Tunnel{}, s.Src, s.Dst)
		b.add(t, s, sa.TunSAID())
		stop := b.wire(t)
		r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Src: src, Dst: b.WestHost.LAN4, Count: 3})
		if err != nil || r.Received != 3 {
			t.Errorf("ping: %+v, %v", r, err)
		}
		checkOnly(t, stop(), layers.IPProtocolESP)
		if n := b.eroute(t, s).Packets; n != 3 {
			t.Errorf("counted %d packets, want 3", n)
		}
	})
}
