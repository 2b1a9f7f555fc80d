// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// netfilter loads rules for nft(8) on East until the test ends.
func (g *gateway) netfilter(t *testing.T, rules string) {
	t.Helper()
	cmd := g.East.Command(t.Context(), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader("table inet eroutetest {\n" + rules + "\n}\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := g.East.Command(context.Background(), "nft", "delete", "table", "inet", "eroutetest").CombinedOutput(); err != nil {
			t.Errorf("nft: %v: %s", err, out)
		}
	})
}

// tracked makes East track connections, so that it reassembles forwarded packets.
const tracked = "chain forward { type filter hook forward priority 0; ct state invalid counter; }"

// rejoined are the fragments of an IPv6 packet that the kernel does not forward unchanged after reassembly:
// the destination options then belong before the fragment header, and later fragments have no space for that.
// It creates new ones (slow_path of ip6_fragment).
func rejoined(t *testing.T, src, dst netip.Addr, proto layers.IPProtocol, payload []byte) (fragments [][]byte) {
	t.Helper()
	const size = 1200
	options := make([]byte, 64)
	options[0], options[1], options[2], options[3] = byte(proto), 7, 1, 60 // PadN
	payload = append(options, payload...)
	for at := 0; at < len(payload); at += size {
		field := uint16(at)
		if at+size < len(payload) {
			field |= 1
		}
		fragment := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16([]byte{byte(layers.IPProtocolIPv6Destination), 0}, field), 4711)
		fragments = append(fragments, build(t, header(src, dst, layers.IPProtocolIPv6Fragment, nil),
			gopacket.Payload(fragment), gopacket.Payload(payload[at:min(at+size, len(payload))])))
	}
	return fragments
}

// Forwarded packets that the gateway has reassembled and fragmented again have no input interface: that does
// not make them local IKE.
func TestRefragmentedKeyExchange(t *testing.T) {
	g := newGateway(t, "egress")
	f := g.families()[1]
	g.netfilter(t, tracked)
	own := f.eastWAN
	udp := append([]byte{4500 >> 8, 4500 & 0xff, 4500 >> 8, 4500 & 0xff, 1408 >> 8, 1408 & 0xff, 0, 0}, make([]byte, 1400)...)
	for _, kind := range []struct {
		name    string
		proto   layers.IPProtocol
		payload []byte
	}{
		{"ESP", layers.IPProtocolESP, make([]byte, 1400)},
		{"AH", layers.IPProtocolAH, make([]byte, 1400)},
		{"UDP", layers.IPProtocolUDP, udp},
	} {
		for _, c := range []struct {
			eroutes []eroute.Change
			want    counts
		}{
			// The kernel makes no more fragments after one that is dropped; to the kernel a rejected one
			// is not dropped.
			{nil, noEroute("no-eroute", 1)},
			{all(eroute.Hold), reason("hold-not-stored", 1)},
			{all(eroute.Trap), reason("trap-no-relay", 1)},
			{all(eroute.Reject), reason("reject", 2)},
			{all(said(f.westHost)), reason("no-xfrm", 1)},
		} {
			t.Run(fmt.Sprintf("%s/%v", kind.name, c.want.Reasons), func(t *testing.T) {
				g.only(t, c.eroutes...)
				wire, before := g.watchWire(t), g.counts(t)
				for _, fragment := range rejoined(t, own, f.westHost, kind.proto, kind.payload) {
					g.sendIP(t, fragment)
				}
				g.counted(t, before, c.want)
				wire(0)
			})
		}
	}
}

// Packets re-sent by the relay are not exempt as local IKE, for any source address.
func TestHeldKeyExchange(t *testing.T) {
	g := newGateway(t, "egress")
	g.acceptLocal(t, "1")
	t.Cleanup(func() { g.acceptLocal(t, "0") })
	r, releases := g.startRelay(t, "--metrics", relayMetrics), 0
	for _, f := range g.families() {
		own := lab.Only(f.eastWAN)
		for _, kind := range []struct {
			name   string
			packet []byte
		}{
			{"IKE", udpPacket(t, netip.AddrPortFrom(f.eastWAN, 500), netip.AddrPortFrom(f.westHost, 500))},
			{"ESP in UDP", udpPacket(t, netip.AddrPortFrom(f.eastWAN, 4500), netip.AddrPortFrom(f.westHost, 4500))},
			{"ESP", build(t, header(f.eastWAN, f.westHost, layers.IPProtocolESP, nil), gopacket.Payload(make([]byte, 32)))},
			{"AH", build(t, header(f.eastWAN, f.westHost, layers.IPProtocolAH, nil), gopacket.Payload(make([]byte, 32)))},
		} {
			t.Run(f.name+"/"+kind.name, func(t *testing.T) {
				g.only(t, from(own, f.westNet, eroute.Hold))
				wire, before := g.watchWire(t), g.counts(t)
				g.sendIP(t, kind.packet)
				g.scrapeUntil(t, relayMetrics, "eroute_relay_held_bytes", float64(len(kind.packet)))
				g.counted(t, before, reason("hold", 1))
				before = g.counts(t)
				if err := g.apply(from(own, f.westNet, said(f.westHost))); err != nil {
					t.Fatal(err)
				}
				releases++
				r.waitFor(t, "release", releases)
				// The hold's own count is deleted with it.
				eventually(t, func() bool { return g.counts(t).Reasons["no-xfrm"] > before.Reasons["no-xfrm"] })
				got := g.counts(t)
				if got.Reasons["key-exchange"] != before.Reasons["key-exchange"] || got.Reasons["no-xfrm"] != before.Reasons["no-xfrm"]+1 {
					t.Errorf("counted %v, before %v", got.Reasons, before.Reasons)
				}
				wire(0)
			})
		}
	}
}

// A local packet is exempt as IKE if a socket for this purpose has sent it, and the socket's owner is
// privileged: not if any user has bound port 4500, which requires no privilege.
func TestKeyExchangeSockets(t *testing.T) {
	g := newGateway(t, "egress")
	for _, f := range g.families() {
		port := func(n uint16) netip.AddrPort { return netip.AddrPortFrom(f.eastWAN, n) }
		dst := netip.AddrPortFrom(f.westHost, 4500)
		plain := netip.AddrPortFrom(f.westHost, 0)
		udp := []byte{4500 >> 8, 4500 & 0xff, 4500 >> 8, 4500 & 0xff, 0, 12, 0, 0, 1, 2, 3, 4}
		foreign := netip.AddrPortFrom(f.eastHost, 4500)
		for _, c := range []struct {
			name    string
			socket  lab.Sender
			dst     netip.AddrPort
			payload []byte
			exempt  bool
		}{
			{"root's", lab.Sender{Type: unix.SOCK_DGRAM, Src: port(4500)}, dst, udp, true},
			{"a user's", lab.Sender{Owner: lab.Nobody, Type: unix.SOCK_DGRAM, Src: port(4500)}, dst, udp, false},
			{"a user's that may bypass", lab.Sender{Owner: lab.Nobody, Type: unix.SOCK_DGRAM, Bypass: true, Src: port(4500)}, dst, udp, true},
			{"another port", lab.Sender{Type: unix.SOCK_DGRAM, Src: port(4501)}, dst, udp, false},
			{"another's address", lab.Sender{Type: unix.SOCK_DGRAM, Transparent: true, Src: foreign}, dst, udp, false},
			{"raw, for UDP", lab.Sender{Type: unix.SOCK_RAW, Proto: unix.IPPROTO_UDP, Src: port(0)}, plain, udp, true},
			{"raw, for ESP", lab.Sender{Type: unix.SOCK_RAW, Proto: unix.IPPROTO_ESP, Src: port(0)}, plain, udp, true},
			{"raw, a user's", lab.Sender{Owner: lab.Nobody, Type: unix.SOCK_RAW, Proto: unix.IPPROTO_ESP, Src: port(0)}, plain, udp, false},
			{"raw, for anything", lab.Sender{Type: unix.SOCK_RAW, Proto: unix.IPPROTO_RAW, Bypass: true}, plain,
				build(t, header(f.eastWAN, f.westHost, layers.IPProtocolUDP, nil), gopacket.Payload(udp)), false},
			{"raw, for anything, of ESP", lab.Sender{Type: unix.SOCK_RAW, Proto: unix.IPPROTO_RAW, Bypass: true}, plain,
				build(t, header(f.eastWAN, f.westHost, layers.IPProtocolESP, nil), gopacket.Payload(udp)), false},
		} {
			t.Run(f.name+"/"+c.name, func(t *testing.T) {
				g.only(t, all(eroute.Trap)...)
				want, left := reason("trap-no-relay", 1), 0
				if c.exempt {
					want, left = noEroute("key-exchange", 1), 1
				}
				c.socket.Node = g.East
				wire, before := g.watchWire(t), g.counts(t)
				if err := c.socket.Send(c.dst, c.payload); err != nil {
					t.Fatal(err)
				}
				g.counted(t, before, want)
				wire(left)
			})
		}
	}
}

// IKE longer than the MTU leaves complete, although its later fragments contain no port; fragments of a
// user's packets from that port do not leave. Connection tracking makes no difference.
func TestFragmentedKeyExchange(t *testing.T) {
	g := newGateway(t, "egress")
	for _, rules := range []string{"", tracked} {
		t.Run(fmt.Sprintf("tracked=%t", rules != ""), func(t *testing.T) {
			if rules != "" {
				g.netfilter(t, rules)
			}
			for _, f := range g.families() {
				far := netip.AddrPortFrom(f.westHost, 500)
				echo, err := g.WestHost.EchoUDP(within(t, patience), far)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = echo.Close() }()
				for _, own := range []bool{true, false} {
					t.Run(fmt.Sprintf("%s/own=%t", f.name, own), func(t *testing.T) {
						g.only(t, all(eroute.Hold)...)
						s := lab.Sender{Node: g.East, Owner: lab.Nobody, Type: unix.SOCK_DGRAM, Src: netip.AddrPortFrom(f.eastWAN, 4500)}
						// The kernel makes no more fragments after one that is dropped.
						name, want, left := "hold-not-stored", uint64(1), 0
						if own {
							s.Owner, name, want, left = 0, "key-exchange", 3, 3
						}
						wire, before, received := g.watchWire(t), g.counts(t), len(echo.Received())
						if err := s.Send(far, make([]byte, 4000)); err != nil {
							t.Fatal(err)
						}
						counted := func() uint64 { return g.counts(t).since(before).Reasons[name] }
						if !eventually(t, func() bool { return counted() >= want }) || counted() != want {
							t.Errorf("%d counted as %s, want %d", counted(), name, want)
						}
						wire(left)
						if own && !eventually(t, func() bool { return len(echo.Received()) == received+1 }) {
							t.Error("it did not arrive")
						}
					})
				}
			}
		})
	}
}

// Local addresses are recognised wherever the local rule is: after those for VRFs, or for packets from an
// address. Explain agrees.
func TestMovedLocalRule(t *testing.T) {
	g := newGateway(t, "egress")
	path := testenv.Ipsec(t)
	for _, f := range g.families() {
		t.Run(f.name, func(t *testing.T) {
			flag := "-" + f.name[1:]
			run := func(args string) {
				t.Helper()
				if _, err := g.East.IP(context.Background(), strings.Fields(flag+" "+args)...); err != nil {
					t.Error(err)
				}
			}
			run("rule add pref 32765 lookup local")
			run("rule del pref 0")
			run(fmt.Sprintf("route add default via %s dev wan table 77", f.wan))
			run(fmt.Sprintf("rule add pref 1000 from %s lookup 77", f.eastLAN))
			t.Cleanup(func() {
				run("rule del pref 1000")
				run("route del default table 77")
				run("rule add pref 0 lookup local")
				run("rule del pref 32765")
			})
			g.only(t, all(eroute.Trap)...)
			for _, own := range []netip.Addr{f.eastWAN, f.eastLAN} {
				wire, before := g.watchWire(t), g.counts(t)
				s := lab.Sender{Node: g.East, Type: unix.SOCK_DGRAM, Src: netip.AddrPortFrom(own, 500)}
				// Its own rule would route one of the two past the device.
				s.Device = ipsec0
				if err := s.Send(netip.AddrPortFrom(f.westHost, 500), []byte("IKE")); err != nil {
					t.Fatal(err)
				}
				g.counted(t, before, noEroute("key-exchange", 1))
				wire(1)
				g.explains(t, path, own, f.westHost, `sent, counted as "key-exchange"`)
			}
			g.explains(t, path, f.eastHost, f.westHost, `dropped, counted as "trap-no-relay"`)
		})
	}
}

// explains checks explain's result for IKE from one address to another.
func (g *gateway) explains(t *testing.T, path string, src, dst netip.Addr, want string) {
	t.Helper()
	stdout, stderr, err := g.command(t, path, fmt.Sprintf("eroute --lookup --src %s --dst %s --transport-proto udp --src-port 500 --dst-port 500 --explain", src, dst))
	if err != nil || !strings.Contains(stdout, want) {
		t.Errorf("explain of %s: %s%s %v, want %q", src, stdout, stderr, err, want)
	}
}

// A socket of another network namespace is not the gateway's, even if root owns it: its packets go through a
// tunnel whose outer packets the gateway sends, from port 4500.
func TestContainersKeyExchange(t *testing.T) {
	g := newGateway(t, "egress")
	container := g.WestHost
	for _, f := range g.families() {
		t.Run(f.name, func(t *testing.T) {
			g.only(t, all(eroute.Trap)...)
			for _, step := range []struct {
				node *lab.Node
				args string
			}{
				{g.East, fmt.Sprintf("link add box type vxlan id 1 local %s remote %s dstport 4789 srcport 4500 4501", f.eastWAN, f.westHost)},
				{g.East, "link set box netns " + container.Namespace},
				{container, "addr add 10.99.0.1/24 dev box"},
				{container, "link set box up"},
				{container, "neigh add 10.99.0.2 lladdr 02:00:00:00:00:02 dev box"},
			} {
				if _, err := step.node.IP(t.Context(), strings.Fields(step.args)...); err != nil {
					t.Fatal(err)
				}
			}
			defer func() {
				if _, err := container.IP(t.Context(), "link", "del", "box"); err != nil {
					t.Error(err)
				}
			}()
			wire, before := g.watchWire(t), g.counts(t)
			s := lab.Sender{Node: container, Type: unix.SOCK_DGRAM, Src: netip.MustParseAddrPort("10.99.0.1:4500")}
			if err := s.Send(netip.MustParseAddrPort("10.99.0.2:4500"), []byte("in a box")); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() bool { return g.counts(t).Reasons["trap-no-relay"] > before.Reasons["trap-no-relay"] })
			if got := g.counts(t).since(before); got.Reasons["key-exchange"] != 0 || got.Reasons["trap-no-relay"] == 0 {
				t.Errorf("counted %v", got.Reasons)
			}
			wire(0)
		})
	}
}
