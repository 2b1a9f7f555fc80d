// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// Packets that XFRM makes by a key manager's own policies, for a peer whose address is routed into the ipsec
// device, are exempt as the gateway's own, with any inner source and in all fragments.
func TestKeyManagerPolicyOutput(t *testing.T) {
	b := newBench(t)
	far := netip.MustParsePrefix("10.77.0.0/16")
	to := netip.AddrPortFrom(far.Addr().Next(), 9)
	ip(t, b.East, fmt.Sprintf("route add %s via %s dev wan", far, b.West.WAN4))
	ip(t, b.EastHost, fmt.Sprintf("route add %s via %s", far, b.East.LAN4))
	for _, peer := range []netip.Addr{b.West.WAN4, b.West.WAN6} { // packets must not wait for its link-layer address
		if r, err := b.East.Ping(within(t, 20*time.Second), lab.Ping{Dst: peer}); err != nil || r.Received != 1 {
			t.Fatalf("ping %s: %+v, %v", peer, r, err)
		}
	}
	const (
		esp = "aead rfc4106(gcm(aes)) 0x0102030405060708090a0b0c0d0e0f1011121314 128"
		ah  = "auth-trunc hmac(sha256) 0x0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20 128"
	)
	for _, c := range []struct {
		name, proto, with string
		own, peer         netip.Addr
		wire              layers.IPProtocol
		// What leaves of a forwarded datagram of 3,000 bytes, which arrives as three packets, and of a
		// local one. Fragments of IPv6 carry no proof.
		forwarded, local int
	}{
		{"ESP", "esp", esp, b.East.WAN4, b.West.WAN4, layers.IPProtocolESP, 5, 3},
		{"AH", "ah", ah, b.East.WAN4, b.West.WAN4, layers.IPProtocolAH, 5, 3},
		{"ESP in UDP", "esp", esp + " encap espinudp 4500 4500 0.0.0.0", b.East.WAN4, b.West.WAN4, layers.IPProtocolUDP, 5, 3},
		{"ESP over IPv6", "esp", esp + " sel src 0.0.0.0/0 dst 0.0.0.0/0", b.East.WAN6, b.West.WAN6, layers.IPProtocolESP, 1, 0},
		{"ESP in UDP over IPv6", "esp", esp + " encap espinudp 4500 4500 :: sel src 0.0.0.0/0 dst 0.0.0.0/0", b.East.WAN6, b.West.WAN6, layers.IPProtocolUDP, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.routePeer(t, c.peer)
			any := netip.PrefixFrom(c.peer, 0).Masked()
			b.add(t, nets(any, any), "%trap")
			id := fmt.Sprintf("src %s dst %s proto %s spi 0x4711", c.own, c.peer, c.proto)
			ip(t, b.East, "xfrm state add "+id+" reqid 9 mode tunnel "+c.with)
			policy := fmt.Sprintf("src 0.0.0.0/0 dst %s dir out", far)
			ip(t, b.East, fmt.Sprintf("xfrm policy add %s tmpl src %s dst %s proto %s reqid 9 mode tunnel", policy, c.own, c.peer, c.proto))
			t.Cleanup(func() {
				ip(t, b.East, "xfrm policy delete "+policy)
				ip(t, b.East, fmt.Sprintf("xfrm state delete src %s dst %s proto %s spi 0x4711", c.own, c.peer, c.proto))
			})
			for _, from := range []struct {
				node *lab.Node
				src  netip.Addr
				left int
			}{{b.EastHost, b.EastHost.LAN4, c.forwarded}, {b.East, b.East.LAN4, c.local}} {
				for _, size := range []int{100, 3000} {
					t.Run(fmt.Sprintf("%s/%d", from.node.Name, size), func(t *testing.T) {
						want := 1
						if size > 1500 {
							want = from.left
						}
						stop, before := b.wire(t), b.reasons(t)
						s := lab.Sender{Node: from.node, Owner: lab.Nobody, Type: unix.SOCK_DGRAM, Src: netip.AddrPortFrom(from.src, 4500)}
						if err := s.Send(to, make([]byte, size)); err != nil {
							t.Fatal(err)
						}
						time.Sleep(300 * time.Millisecond)
						after := b.reasons(t)
						frames := stop()
						own := frames.Count(lab.Match{Src: lab.Only(c.own), Proto: c.wire})
						counted := after["key-exchange"] - before["key-exchange"]
						if own != want || int(counted) != want {
							t.Errorf("%d frames, %d counted, want %d; counted %v, XFRM %v", own, counted, want, after, kernelErrors(t, b.East))
						}
						if n := frames.Count(lab.Match{Dst: far}); n != 0 {
							t.Errorf("%d packets in clear", n)
						}
					})
				}
			}
		})
	}
}
