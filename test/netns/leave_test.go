// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Packets that are not routed into the ipsec device are not matched by the table: the gateway answers for
// itself and routes elsewhere.
func TestNotRoutedIntoDevice(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		if g.mode == watched {
			return // every packet that leaves by wan is matched
		}
		for _, said := range []eroute.SAID{eroute.Drop, eroute.Reject} {
			g.only(t, all(said)...)
			before := g.counts(t)
			ctx := within(t, patience)
			for name, dst := range map[string]netip.Addr{
				"the gateway": f.eastLAN, "its other address": f.eastWAN, "another route": f.wan,
			} {
				if r, err := g.EastHost.Ping(ctx, lab.Ping{Dst: dst, Count: 2}); err != nil || r.Received != 2 {
					t.Errorf("ping to %s: %+v, %v, want 2 answers", name, r, err)
				}
			}
			typ := uint8(11)
			if f.name == "v6" {
				typ = 3
			}
			r, err := g.EastHost.Ping(ctx, lab.Ping{Dst: f.westHost, Count: 2, TTL: 1})
			if err != nil || len(r.Errors) != 2 || !r.Errors[0].Is(typ, 0) || r.Errors[0].From != f.eastLAN {
				t.Errorf("ping with hop limit 1: %+v, %v, want time exceeded by %s", r, err, f.eastLAN)
			}
			g.counted(t, before, reason("none", 0))
		}
	})
}

// frame is a frame that is sent to the gateway unchanged.
type frame struct {
	name    string
	bytes   []byte
	counted int // how often its packet is counted: as often as it reaches the ipsec device
}

// A frame is counted if and only if routing would send its packet to the ipsec device, with or without the
// fast path.
func TestMalformedFrames(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		g.only(t, all(eroute.Drop)...)
		wire := g.watchWire(t)
		for _, fr := range append(g.oddFrames(t, f), g.oddPackets(t, f)...) {
			t.Run(fr.name, func(t *testing.T) {
				before := g.counts(t)
				if err := g.EastHost.SendFrame(lab.Eth0, fr.bytes); err != nil {
					t.Fatal(err)
				}
				g.counted(t, before, reason("drop", fr.counted))
			})
		}
		wire(0)
	})
}

// ethernet adds an Ethernet header to a packet.
func (g *gateway) ethernet(t *testing.T, packet []byte) []byte {
	t.Helper()
	b, err := g.EastHost.Frame(lab.Eth0, 0, packet)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// oddFrames are unusual frames around a packet that would be dropped.
func (g *gateway) oddFrames(t *testing.T, f family) []frame {
	packet := udpPacket(t, netip.AddrPortFrom(f.eastHost, 4000), netip.AddrPortFrom(f.westHost, 53))
	to := func(mac ...byte) []byte {
		b := g.ethernet(t, packet)
		copy(b, mac)
		return b
	}
	tagged := func(tags ...uint16) []byte {
		b := g.ethernet(t, packet)
		tagged := append([]byte{}, b[:12]...)
		for _, tag := range tags {
			tagged = binary.BigEndian.AppendUint16(tagged, 0x8100)
			tagged = binary.BigEndian.AppendUint16(tagged, tag)
		}
		return append(tagged, b[12:]...)
	}
	return []frame{
		{"plain", to(), 1},
		{"padded", append(to(), make([]byte, 30)...), 1},
		{"to another MAC", to(2, 0, 0, 0, 0, 1), 0},
		{"to all", to(0xff, 0xff, 0xff, 0xff, 0xff, 0xff), 0},
		{"to a group", to(1, 0, 0x5e, 0, 0, 5), 0},
		{"with a priority tag", tagged(3 << 13), 1},
		{"with the tag of no interface", tagged(42), 0},
		{"with two tags of no interface", tagged(42, 43), 0},
	}
}

// oddPackets are packets that the gateway handles in special ways.
func (g *gateway) oddPackets(t *testing.T, f family) []frame {
	const udp = layers.IPProtocolUDP
	payload := gopacket.Payload{15, 160, 0, 53, 0, 8, 0, 0}
	make4 := func(change func(*layers.IPv4)) []byte {
		return g.ethernet(t, build(t, header(f.eastHost, f.westHost, udp, change), payload))
	}
	between := func(src, dst string) []byte {
		return g.ethernet(t, build(t, header(netip.MustParseAddr(src), netip.MustParseAddr(dst), udp, nil), payload))
	}
	edit := func(offset int, bytes ...byte) []byte {
		b := make4(nil)
		copy(b[14+offset:], bytes)
		return b
	}
	if f.name == "v4" {
		own := f.westHost.String()
		return []frame{
			{"hop limit 0", make4(func(ip *layers.IPv4) { ip.TTL = 0 }), 0},
			{"hop limit 1", make4(func(ip *layers.IPv4) { ip.TTL = 1 }), 0},
			{"hop limit 2", make4(func(ip *layers.IPv4) { ip.TTL = 2 }), 1},
			{"options", make4(func(ip *layers.IPv4) {
				ip.Options = []layers.IPv4Option{{OptionType: 7, OptionLength: 7, OptionData: []byte{4, 0, 0, 0, 0}}}
			}), 1},
			{"source route", make4(func(ip *layers.IPv4) {
				ip.Options = []layers.IPv4Option{{OptionType: 131, OptionLength: 7, OptionData: []byte{4, 1, 2, 3, 4}}}
			}), 0},
			{"first fragment", make4(func(ip *layers.IPv4) { ip.Flags = layers.IPv4MoreFragments }), 1},
			{"later fragment", make4(func(ip *layers.IPv4) { ip.FragOffset = 9 }), 1},
			{"bad checksum", edit(10, 1, 2), 0},
			{"total length less than the header", edit(2, 0, 19), 0},
			{"total length more than there is", edit(2, 0, 200), 0},
			{"total length 0", edit(2, 0, 0), 0},
			{"version 5", edit(0, 0x55), 0},
			{"header length 16", edit(0, 0x44), 0},
			{"header cut short", make4(nil)[:14+19], 0},
			{"from no address", between("0.0.0.0", own), 0},
			{"from the loopback", between("127.0.0.1", own), 0},
			{"from a group", between("224.0.0.1", own), 0},
			{"from class E", between("240.0.0.1", own), 0},
			{"from all", between("255.255.255.255", own), 0},
			{"to a group", between("192.0.2.1", "224.0.0.5"), 0},
			{"to a routed group", between("192.0.2.1", "239.1.1.1"), 0},
			{"to all of the network", between("192.0.2.1", "192.0.2.255"), 0},
			{"to all", between("192.0.2.1", "255.255.255.255"), 0},
			{"to the loopback", between("192.0.2.1", "127.0.0.1"), 0},
			{"to where no route leads", between("192.0.2.1", "10.9.9.9"), 0},
			{"to the far network", between("192.0.2.1", "192.0.1.0"), 1},
		}
	}
	ext := func(first layers.IPProtocol, b ...byte) []byte {
		return g.ethernet(t, build(t, header(f.eastHost, f.westHost, first, nil), gopacket.Payload(append(b, payload...))))
	}
	own := f.westHost.String()
	return []frame{
		{"hop limit 0", edit(7, 0), 0},
		{"hop limit 1", edit(7, 1), 0},
		{"hop limit 2", edit(7, 2), 1},
		{"hop-by-hop options", ext(0, 17, 0, 1, 4, 0, 0, 0, 0), 1},
		{"destination options", ext(60, 17, 0, 1, 4, 0, 0, 0, 0), 1},
		{"first fragment", ext(44, 17, 0, 0, 1, 0, 0, 0, 1), 1},
		{"later fragment", ext(44, 17, 0, 0, 8, 0, 0, 0, 1), 1},
		{"payload length more than there is", edit(4, 0, 200), 0},
		{"version 7", edit(0, 0x70), 0},
		{"header cut short", make4(nil)[:14+39], 0},
		{"from no address", between("::", own), 0},
		{"from the loopback", between("::1", own), 0},
		{"from a link-local address", between("fe80::1", own), 0},
		{"from a group", between("ff02::1", own), 0},
		{"to all nodes", between("2001:db8:2::1", "ff02::1"), 0},
		{"to a global group", between("2001:db8:2::1", "ff0e::1"), 0},
		{"to a link-local address", between("2001:db8:2::1", "fe80::9"), 0},
		{"to the loopback", between("2001:db8:2::1", "::1"), 0},
		{"to where no route leads", between("2001:db8:2::1", "2001:db8:99::1"), 0},
	}
}

// The kernel fragments or refuses a packet over the MTU, and the result is matched against the table.
func TestOverMTU(t *testing.T) {
	const size = 2000
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		setMTU := func(mtu int) {
			if err := errors.Join(g.East.SetMTU(lab.LAN, mtu), g.EastHost.SetMTU(lab.Eth0, mtu)); err != nil {
				t.Fatal(err)
			}
		}
		setMTU(3000)
		defer setMTU(1500)
		g.only(t, all(eroute.Drop)...)
		before := g.counts(t)
		ctx := within(t, patience)
		r, err := g.EastHost.Ping(ctx, lab.Ping{Dst: f.westHost, Size: size, DF: true})
		if err != nil || len(r.Errors) != 1 || r.Errors[0].MTU != 1500 {
			t.Errorf("ping: %+v, %v, want one error with MTU 1500", r, err)
		}
		g.counted(t, before, reason("none", 0))
		if f.name == "v6" {
			return // routers do not fragment
		}
		send := func(size int) {
			g.sendIP(t, build(t, header(f.eastHost, f.westHost, layers.IPProtocolUDP, nil),
				&layers.UDP{SrcPort: 4000, DstPort: 53}, gopacket.Payload(make([]byte, size))))
		}
		if g.mode == watched { // fragments that wait for a neighbour are independent
			send(10)
			g.counted(t, before, reason("drop", 1))
			before = g.counts(t)
		}
		send(size)
		g.counted(t, before, reason("drop", 1)) // the kernel stops after the first fragment
	})
}
