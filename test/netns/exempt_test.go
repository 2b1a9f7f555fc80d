// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

const packets = 4

// sendLocal sends packets of the gateway itself: UDP between two ports or, with ports 0, another protocol.
func (g *gateway) sendLocal(t *testing.T, proto int, src, dst netip.AddrPort) {
	t.Helper()
	for range packets {
		if proto == 17 {
			if err := g.East.SendUDP(t.Context(), lab.Datagram{Src: src, Dst: dst, Payload: []byte("local")}); err != nil {
				t.Fatal(err)
			}
			continue
		}
		network := "ip4"
		if src.Addr().Is6() {
			network = "ip6"
		}
		err := g.East.Do(func() error {
			c, err := net.DialIP(fmt.Sprintf("%s:%d", network, proto), &net.IPAddr{IP: src.Addr().AsSlice()}, &net.IPAddr{IP: dst.Addr().AsSlice()})
			if err != nil {
				return err
			}
			defer func() { _ = c.Close() }()
			_, err = c.Write(make([]byte, 32))
			return err
		})
		// A raw IPv6 socket receives ENOBUFS for a local drop.
		if err != nil && src.Addr().Is4() {
			t.Fatal(err)
		}
	}
}

// said names an SA with this effective destination.
func said(edst netip.Addr) eroute.SAID {
	return eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x135, Dst: edst}
}

// groupOf names a group of SAs.
func groupOf(t *testing.T, members ...eroute.SAID) eroute.SAID {
	t.Helper()
	group, err := eroute.NewGroup(eroute.SpreadFailover, members...)
	if err != nil {
		t.Fatal(err)
	}
	return group
}

// Local IKE and ESP leave in clear, not counted on an eroute, in spite of any eroute except %drop and an SA
// or a group of SAs to other peers; no other packet does.
func TestKeyExchange(t *testing.T) {
	g := newGateway(t, "xdp")
	for _, f := range g.families() {
		own, peer := f.eastWAN, f.westHost
		foreign := netip.MustParseAddr("2001:db8::1")
		if f.name == "v6" {
			foreign = netip.MustParseAddr("192.0.2.1")
		}
		exempt := noEroute("key-exchange", packets)
		for _, c := range []struct {
			name  string
			said  eroute.SAID
			want  counts // of IKE and ESP
			other counts // of other packets
		}{
			{"no eroute", eroute.SAID{}, exempt, noEroute("no-eroute", packets)},
			{"pass", eroute.Pass, exempt, reason("pass", packets)},
			{"hold", eroute.Hold, exempt, reason("hold-not-stored", packets)},
			{"reject", eroute.Reject, exempt, reason("reject", packets)},
			{"trap", eroute.Trap, exempt, reason("trap-no-relay", packets)},
			{"trapsubnet", eroute.TrapSubnet, exempt, reason("trap-no-relay", packets)},
			{"drop", eroute.Drop, reason("drop", packets), reason("drop", packets)},
			{"SA to the peer", said(peer), exempt, reason("no-xfrm", packets)},
			{"SA to another", said(f.wan), reason("no-xfrm", packets), reason("no-xfrm", packets)},
			{"group with an SA to the peer", groupOf(t, said(f.wan), said(peer)), exempt, reason("no-xfrm", packets)},
			{"group of SAs to others", groupOf(t, said(f.wan), said(foreign)), reason("no-xfrm", packets), reason("no-xfrm", packets)},
			{"group with %trap", groupOf(t, said(f.wan), eroute.Trap), exempt, reason("trap-no-relay", packets)},
			{"SA to the other family", said(foreign), reason("no-xfrm", packets), reason("no-xfrm", packets)},
		} {
			var eroutes []eroute.Change
			if c.said != (eroute.SAID{}) {
				eroutes = append(eroutes, from(lab.Only(own), f.westNet, c.said))
			}
			g.only(t, eroutes...)
			wire, left := g.watchWire(t), 0
			for _, p := range []struct {
				name         string
				proto        int
				sport, dport uint16
				exempt       bool
			}{
				{"IKE", 17, 500, 500, true},
				{"IKE to another port", 17, 500, 40000, true},
				{"IKE behind NAT", 17, 4500, 4500, true},
				{"ESP", 50, 0, 0, true},
				{"AH", 51, 0, 0, true},
				{"UDP to port 500", 17, 40000, 500, false},
				{"another protocol", 132, 0, 0, false},
			} {
				t.Run(f.name+"/"+c.name+"/"+p.name, func(t *testing.T) {
					want := c.other
					if p.exempt {
						want = c.want
					}
					if want.Reasons["key-exchange"]+want.Reasons["pass"] > 0 {
						left += packets
					}
					before := g.counts(t)
					g.sendLocal(t, p.proto, netip.AddrPortFrom(own, p.sport), netip.AddrPortFrom(peer, p.dport))
					g.counted(t, before, want)
				})
			}
			wire(left)
		}
	}
}

// Forwarded IKE is not exempt, not even with the gateway's own address.
func TestForwardedKeyExchange(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		for _, c := range []struct {
			name    string
			eroutes []eroute.Change
			want    counts
			told    int
			left    int
		}{
			{"no eroute", nil, noEroute("no-eroute", packets), 0, 0},
			{"drop", all(eroute.Drop), reason("drop", packets), 0, 0},
			{"hold", all(eroute.Hold), reason("hold-not-stored", packets), 0, 0},
			{"trap", all(eroute.Trap), reason("trap-no-relay", packets), 0, 0},
			{"reject", all(eroute.Reject), reason("reject", packets), packets, 0},
			{"pass", all(eroute.Pass), reason("pass", packets), 0, packets},
			{"SA to the peer", all(said(f.westHost)), reason("no-xfrm", packets), 0, 0},
		} {
			t.Run(c.name, func(t *testing.T) {
				g.only(t, c.eroutes...)
				src := g.newSource(t, f)
				wire := g.watchWire(t)
				icmp := watchICMP(t, g.EastHost)
				before := g.counts(t)
				for range packets {
					g.sendIP(t, udpPacket(t, netip.AddrPortFrom(src, 500), netip.AddrPortFrom(f.westHost, 500)))
				}
				g.counted(t, before, c.want)
				for _, e := range icmp(c.told + c.left) { // the remote host runs no key exchange either
					if c.told > 0 && !f.prohibited(e) {
						t.Errorf("received %+v, want prohibited", e)
					}
				}
				wire(c.left)
			})
		}
	})
}

// An inbound packet with a source address of the gateway is not exempt as IKE, for any protocol and
// interface. IPv4 refuses it on input, unless it is configured to accept its own addresses from others; IPv6
// forwards it.
func TestSpoofedKeyExchange(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		packets := g.spoofed(t, f)
		for _, from := range []struct {
			node *lab.Node
			dev  string
			to   netip.Addr
		}{{g.EastHost, lab.Eth0, f.eastLAN}, {g.West, lab.WAN, f.eastWAN}} {
			wire := g.watchWire(t)
			if f.name == "v4" {
				if g.mode != watched { // which drops the answers to the pings of this check
					g.refuseSpoofed(t, from.node, from.dev, from.to, packets)
				}
				g.acceptLocal(t, "1")
			}
			for _, c := range []struct {
				eroutes []eroute.Change
				want    counts
			}{
				{nil, noEroute("no-eroute", len(packets))},
				{all(eroute.Hold), reason("hold-not-stored", len(packets))},
				{all(eroute.Drop), reason("drop", len(packets))},
				{all(eroute.Trap), reason("trap-no-relay", len(packets))},
				{all(eroute.Reject), reason("reject", len(packets))},
				{all(said(f.westHost)), reason("no-xfrm", len(packets))},
			} {
				g.only(t, c.eroutes...)
				before := g.counts(t)
				for _, p := range packets {
					if err := from.node.SendIP(from.dev, p); err != nil {
						t.Fatal(err)
					}
				}
				g.counted(t, before, c.want)
			}
			g.acceptLocal(t, "0")
			wire(0)
		}
	})
}

// spoofed are packets of key exchange to the remote host from addresses of the gateway.
func (g *gateway) spoofed(t *testing.T, f family) (all [][]byte) {
	t.Helper()
	for _, own := range []netip.Addr{f.eastLAN, f.eastWAN} {
		for _, port := range []uint16{500, 4500} {
			all = append(all, udpPacket(t, netip.AddrPortFrom(own, port), netip.AddrPortFrom(f.westHost, 500)))
		}
		for _, proto := range []layers.IPProtocol{layers.IPProtocolESP, layers.IPProtocolAH} {
			all = append(all, build(t, header(own, f.westHost, proto, nil), gopacket.Payload(make([]byte, 32))))
		}
	}
	return all
}

// refuseSpoofed checks that IPv4 refuses these packets of a node next to this address.
func (g *gateway) refuseSpoofed(t *testing.T, n *lab.Node, dev string, near netip.Addr, packets [][]byte) {
	t.Helper()
	before := g.counts(t)
	for _, p := range packets {
		if err := n.SendIP(dev, p); err != nil {
			t.Fatal(err)
		}
	}
	// When a later packet is answered, these have been processed.
	if r, err := n.Ping(within(t, patience), lab.Ping{Dst: near}); err != nil || r.Received != 1 {
		t.Errorf("ping: %+v, %v", r, err)
	}
	if got := g.counts(t).since(before); got.Reasons["key-exchange"]+got.Reasons["pass"] != 0 {
		t.Errorf("counted %+v, want no key exchange", got)
	}
}

func (g *gateway) acceptLocal(t *testing.T, value string) {
	t.Helper()
	if err := g.East.Sysctl("net.ipv4.conf.all.accept_local", value); err != nil {
		t.Fatal(err)
	}
}
