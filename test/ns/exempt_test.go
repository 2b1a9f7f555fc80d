// SPDX-License-Identifier: Apache-2.0

package ns_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/test/lab"
)

const packets = 4

// sendLocal sends packets of the gateway itself: UDP between two ports or, with ports 0,
// another protocol.
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
		// A raw IPv6 socket is told of a local drop: ENOBUFS.
		if err != nil && src.Addr().Is4() {
			t.Fatal(err)
		}
	}
}

// said names an SA with this effective destination.
func said(edst netip.Addr) eroute.SAID {
	return eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x135, Dst: edst}
}

// The gateway's own key exchange leaves in clear, uncounted, past every eroute but %drop
// and an SA that leads elsewhere; nothing else does.
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
			want  counts // of key exchange
			other counts // of anything else
		}{
			{"no eroute", eroute.SAID{}, exempt, noEroute("no-eroute", packets)},
			{"pass", eroute.Pass, exempt, reason("pass", packets)},
			{"hold", eroute.Hold, exempt, reason("hold-not-kept", packets)},
			{"reject", eroute.Reject, exempt, reason("reject", packets)},
			{"trap", eroute.Trap, exempt, reason("trap-no-relay", packets)},
			{"trapsubnet", eroute.TrapSubnet, exempt, reason("trap-no-relay", packets)},
			{"drop", eroute.Drop, reason("drop", packets), reason("drop", packets)},
			{"SA to the peer", said(peer), exempt, reason("no-xfrm", packets)},
			{"SA to another", said(f.wan), reason("no-xfrm", packets), reason("no-xfrm", packets)},
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

// Forwarded key exchange has no privilege, not even with the gateway's own address.
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
			{"hold", all(eroute.Hold), reason("hold-not-kept", packets), 0, 0},
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
				for _, e := range icmp(c.told + c.left) { // the far host has no key exchange either
					if c.told > 0 && !f.prohibited(e) {
						t.Errorf("told %+v, want prohibited", e)
					}
				}
				wire(c.left)
			})
		}
	})
}

// A packet that comes in with the gateway's own address is nobody's key exchange. IPv4
// refuses it on the way in; IPv6 forwards it.
func TestSpoofedKeyExchange(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		for _, s := range []struct {
			said eroute.SAID
			name string
		}{{eroute.Hold, "hold-not-kept"}, {eroute.Drop, "drop"}, {eroute.Trap, "trap-no-relay"}} {
			g.only(t, all(s.said)...)
			wire := g.watchWire(t)
			before := g.counts(t)
			for _, port := range []uint16{500, 4500} {
				g.sendIP(t, udpPacket(t, netip.AddrPortFrom(f.eastWAN, port), netip.AddrPortFrom(f.westHost, 500)))
			}
			if f.name == "v6" {
				g.counted(t, before, reason(s.name, 2))
			} else {
				time.Sleep(50 * time.Millisecond)
				if got := g.counts(t).since(before); got.Reasons["key-exchange"] != 0 {
					t.Errorf("counted %+v, want no key exchange", got)
				}
			}
			wire(0)
		}
	})
}
