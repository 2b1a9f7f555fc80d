// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// watchAnswers captures the packets that East sends into its LAN. The returned function waits for that many
// ICMP errors of a family, and briefly for a further one, and returns them as IP packets.
func (g *gateway) watchAnswers(t *testing.T, f family) func(want int) [][]byte {
	t.Helper()
	c, err := g.East.Capture(lab.LAN)
	if err != nil {
		t.Fatal(err)
	}
	m := lab.Match{Outgoing: true, Proto: layers.IPProtocolICMPv4}
	if f.name == "v6" {
		m.Proto = layers.IPProtocolICMPv6
	}
	among := func(frames lab.Frames) (errors [][]byte) {
		for _, frame := range frames.Select(m) {
			packet := frame.Data[14:]
			if f.name == "v4" || packet[24] != 0xff && packet[40] < 128 { // not neighbour discovery
				errors = append(errors, packet)
			}
		}
		return errors
	}
	return func(want int) [][]byte {
		t.Helper()
		eventually(t, func() bool { return len(among(c.Frames())) >= want })
		time.Sleep(20 * time.Millisecond)
		frames, err := c.Stop()
		if err != nil {
			t.Error(err)
		}
		return among(frames)
	}
}

// icmpPacket is a packet with this ICMP type that quotes a packet.
func icmpPacket(t *testing.T, f family, typ uint8, quoted []byte) []byte {
	t.Helper()
	payload := gopacket.Payload(append([]byte{0, 0, 0, 0}, quoted...))
	if f.name == "v6" {
		return build(t, header(f.eastHost, f.westHost, layers.IPProtocolICMPv6, nil),
			&layers.ICMPv6{TypeCode: layers.CreateICMPv6TypeCode(typ, 0)}, payload)
	}
	return build(t, header(f.eastHost, f.westHost, layers.IPProtocolICMPv4, nil),
		&layers.ICMPv4{TypeCode: layers.CreateICMPv4TypeCode(typ, 0)}, payload[4:])
}

// icmpErrors are errors of every type, errors about errors, and truncated or fragmented errors.
func icmpErrors(t *testing.T, f family) (all [][]byte) {
	t.Helper()
	types := []uint8{3, 4, 5, 11, 12}
	proto, headerLen := layers.IPProtocolICMPv4, 20
	if f.name == "v6" {
		types, proto, headerLen = []uint8{1, 2, 3, 4, 100, 127}, layers.IPProtocolICMPv6, 40
	}
	whole := udpPacket(t, netip.AddrPortFrom(f.westHost, 53), netip.AddrPortFrom(f.eastHost, 53))
	for _, typ := range types {
		simple := icmpPacket(t, f, typ, whole)
		all = append(all, simple, icmpPacket(t, f, typ, simple), icmpPacket(t, f, typ, nil), icmpPacket(t, f, typ, whole[:7]))
	}
	// A packet without a type, and a type in a first fragment.
	all = append(all, build(t, header(f.eastHost, f.westHost, proto, nil)))
	message := gopacket.Payload(icmpPacket(t, f, types[0], whole)[headerLen:][:24])
	if f.name == "v4" {
		return append(all, build(t, header(f.eastHost, f.westHost, proto, func(ip *layers.IPv4) { ip.Flags = layers.IPv4MoreFragments }), message))
	}
	for _, extension := range []gopacket.Payload{{58, 0, 0, 1, 0, 0, 0, 1}, {58, 0, 1, 4, 0, 0, 0, 0}} { // fragment, destination options
		next := layers.IPProtocolIPv6Fragment
		if extension[3] == 4 {
			next = layers.IPProtocolIPv6Destination
		}
		all = append(all, build(t, header(f.eastHost, f.westHost, next, nil), append(extension, message...)))
	}
	return all
}

// Errors are never answered, of any type and in any encapsulation.
func TestNoErrorsAboutErrors(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		g.only(t, all(eroute.Reject)...)
		packets := icmpErrors(t, f)
		answers, before := g.watchAnswers(t, f), g.counts(t)
		for _, p := range packets {
			g.sendIP(t, p)
		}
		g.counted(t, before, reason("reject", len(packets)))
		for _, a := range answers(0) {
			t.Errorf("answered: %x", a)
		}
	})
}

// A packet gets one error, no longer than the packet and two headers, and within the limits of RFC 1812
// section 4.3.2.3 and RFC 4443 section 2.4 (c).
func TestRejectErrorLength(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		g.only(t, all(eroute.Reject)...)
		headers, most := 28, 576
		if f.name == "v6" {
			headers, most = 48, 1280
		}
		for _, size := range []int{0, 1, 20, 500, 1000, 1400, 1450} {
			src := g.newSource(t, f)
			packet := build(t, header(src, f.westHost, layers.IPProtocolUDP, nil), &layers.UDP{SrcPort: 4711, DstPort: 53}, gopacket.Payload(make([]byte, size)))
			// The gateway must know its link-layer address before it answers.
			if r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Src: src, Dst: f.eastLAN, Count: 1}); err != nil || r.Received != 1 {
				t.Fatalf("ping from %s: %+v, %v", src, r, err)
			}
			answers, before := g.watchAnswers(t, f), g.counts(t)
			g.sendIP(t, packet)
			g.counted(t, before, reason("reject", 1))
			got := answers(1)
			if len(got) != 1 || len(got[0]) > min(most, headers+len(packet)) {
				t.Errorf("%d bytes: answered by %d packets %x", len(packet), len(got), got)
			}
		}
	})
}

// Packets that are not rejected are not answered.
func TestNoErrorUnlessRejected(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		for name, eroutes := range map[string][]eroute.Change{
			"no-eroute": nil, "drop": all(eroute.Drop), "hold-not-stored": all(eroute.Hold),
			"trap-no-relay": all(eroute.Trap), "no-xfrm": all(said(f.wan)),
		} {
			g.only(t, eroutes...)
			answers, before := g.watchAnswers(t, f), g.counts(t)
			g.sendIP(t, udpPacket(t, netip.AddrPortFrom(f.eastHost, 4711), netip.AddrPortFrom(f.westHost, 53)))
			want := reason(name, 1)
			if eroutes == nil {
				want = noEroute(name, 1)
			}
			g.counted(t, before, want)
			for _, a := range answers(0) {
				t.Errorf("%s: answered: %x", name, a)
			}
		}
	})
}

// A flood of rejected packets is answered within the kernel's limits, from one source or from many; all
// packets are dropped and counted.
func TestRejectStorm(t *testing.T) {
	const packets = 20000
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		g.limitICMP(t, true)
		defer g.limitICMP(t, false)
		storm := f.stormNet()
		if _, err := g.East.IP(t.Context(), "route", "add", storm.String(), "via", f.eastHost.String()); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if _, err := g.East.IP(t.Context(), "route", "del", storm.String()); err != nil {
				t.Error(err)
			}
		}()
		g.only(t, all(eroute.Reject)...)
		sender := g.forger(t, f)
		for _, c := range []struct {
			name          string
			sources       uint32
			burst, second int // errors at once, and per second
		}{
			// IPv6 permits a /64 six at once and four per second (icmpv6_xrlim_allow, net/ipv6/icmp.c),
			// and more if two CPUs check at the same time.
			{"one source", 1, 20, 8},
			{"many sources", packets, 50, 1000}, // net.ipv4.icmp_msgs_burst, icmp_msgs_per_sec
		} {
			t.Run(c.name, func(t *testing.T) {
				wire, answers, before := g.watchWire(t), g.watchAnswers(t, f), g.counts(t)
				started := time.Now()
				for i := range uint32(packets) {
					sender.send(t, nthAddr(storm, i%c.sources), 10)
				}
				g.counted(t, before, reason("reject", packets))
				took := time.Since(started)
				got, most := len(answers(1)), c.burst+int(float64(c.second)*(took.Seconds()+1))
				if got == 0 || got > most {
					t.Errorf("%d answers in %v, want at most %d", got, took, most)
				}
				t.Logf("%d packets in %v, %d answers", packets, took, got)
				wire(0)
			})
		}
	})
}

// stormNet is an unused network.
func (f family) stormNet() netip.Prefix {
	if f.name == "v6" {
		return netip.MustParsePrefix("2001:db8:66::/64")
	}
	return forged
}

// nthAddr is the i-th address of a prefix.
func nthAddr(p netip.Prefix, i uint32) netip.Addr {
	b := p.Addr().AsSlice()
	last := b[len(b)-4:]
	binary.BigEndian.PutUint32(last, binary.BigEndian.Uint32(last)|i)
	a, _ := netip.AddrFromSlice(b)
	return a
}
