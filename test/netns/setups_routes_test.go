// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// A router advertisement with an on-link prefix, more specific than the gateway's route, leads nothing past the
// table.
func TestRouterAdvertisement(t *testing.T) {
	g := watching(t)
	g.sysctl(t, "net/ipv6/conf/wan/accept_ra", "2")
	router := hardwareAddr(t, g.West, lab.WAN)
	prefix := netip.PrefixFrom(g.WestHost.LAN6, 112).Masked()
	ll := net.IP{0xfe, 0x80, 0, 0, 0, 0, 0, 0, router[0] ^ 2, router[1], router[2], 0xff, 0xfe, router[3], router[4], router[5]}
	ip := &layers.IPv6{Version: 6, HopLimit: 255, NextHeader: layers.IPProtocolICMPv6, SrcIP: ll, DstIP: net.ParseIP("ff02::1")}
	onLink := append([]byte{112, 0x80, 0, 0, 0x0e, 0x10, 0, 0, 0x0e, 0x10, 0, 0, 0, 0}, prefix.Addr().AsSlice()...)
	if err := g.West.SendIP(lab.WAN, build(t, ip,
		&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(layers.ICMPv6TypeRouterAdvertisement, 0)},
		&layers.ICMPv6RouterAdvertisement{HopLimit: 64, Options: layers.ICMPv6Options{{Type: layers.ICMPv6OptPrefixInfo, Data: onLink}}},
		gopacket.Payload(nil))); err != nil {
		t.Fatal(err)
	}
	if !eventually(t, func() bool {
		out, err := g.East.IP(t.Context(), "-6", "route", "show", prefix.String(), "dev", "wan", "proto", "kernel")
		return err == nil && out != ""
	}) {
		t.Fatal("the advertised prefix is not routed")
	}
	batch(t, g.East, "neigh replace "+g.WestHost.LAN6.String()+" lladdr "+router.String()+" dev wan") // as of a proxy
	g.protects(t, delivery{family: "v6"})
}

// The gateway's own echo replies, which no socket sends, are matched as any packet.
func TestEchoReplies(t *testing.T) {
	g := watching(t)
	for _, f := range g.families() {
		for _, said := range append(protected(f), eroute.Pass) {
			g.only(t, from(f.eastNet, f.westNet, said))
			before, answers, ping := g.counts(t), 0, lab.Ping{Dst: f.eastLAN, Count: 3, Wait: 20e6}
			if said == eroute.Pass {
				answers, ping.Wait = 3, 0
			}
			r, err := g.WestHost.Ping(within(t, patience), ping)
			if err != nil || r.Received != answers {
				t.Errorf("%s %v: ping: %+v, %v, want %d answers", f.name, said, r, err, answers)
			}
			if !eventually(t, func() bool { return g.counts(t).since(before).total() >= 3 }) || g.counts(t).since(before).total() != 3 {
				t.Errorf("%s %v: counted %+v, want 3 packets", f.name, said, g.counts(t).since(before))
			}
		}
	}
}
