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

// Packets that a gateway forwards to the peer itself use an SA in transport mode like the gateway's own
// packets: from the host's address, which transport mode keeps.
func TestTransportForwarded(t *testing.T) {
	for _, ingress := range [][]string{nil, {lab.LAN}} {
		b := newBench(t, ingress...)
		for _, c := range transports(b) {
			t.Run(fmt.Sprintf("%s ingress %v", c.name, ingress), func(t *testing.T) {
				host := b.EastHost.LAN4
				if c.src.Is6() {
					host = b.EastHost.LAN6
				}
				c.tunnel.From, c.tunnel.To, c.tunnel.Src = b.East, b.West, host
				sa := install(t, c.tunnel)
				b.routePeer(t, sa.Dst)
				s := nets(lab.Only(host), lab.Only(sa.Dst))
				b.add(t, s, sa.SAID())
				stop, before := b.wire(t), b.reasons(t)
				const count, size = 5, 600
				ping := lab.Ping{Dst: sa.Dst, Count: count, Size: size, Interval: 3 * time.Millisecond}
				// West answers in clear, so an answer does not show that it received the pings.
				if got, err := b.EastHost.Ping(within(t, 20*time.Second), ping); err != nil || got.Received != count {
					t.Errorf("ping: %+v, %v", got, err)
				}
				frames := stop()
				if n := frames.Count(lab.Match{Src: lab.Only(host), Dst: lab.Only(sa.Dst), Proto: c.proto, SPI: sa.SPI}); n != count {
					t.Errorf("%d frames of %s, want %d", n, sa.SAID(), count)
				}
				if n := frames.Count(lab.Match{Src: lab.Only(host), Dst: lab.Only(sa.Dst)}); n != count {
					t.Errorf("%d frames to the peer, want those of the SA only", n)
				}
				if e := b.eroute(t, s); e.Packets != count {
					t.Errorf("counted %d packets, want %d", e.Packets, count)
				}
				checkReasons(t, before, b.reasons(t), map[string]uint64{"sa": count})
			})
		}
	}
}

// An SA in transport mode accepts its own source address only; XFRM drops other packets.
func TestTransportOtherSource(t *testing.T) {
	b := newBench(t)
	for _, c := range []transport{transports(b)[0], transports(b)[2]} {
		t.Run(c.name, func(t *testing.T) {
			host := b.EastHost.LAN4
			if c.src.Is6() {
				host = b.EastHost.LAN6
			}
			c.tunnel.From, c.tunnel.To = b.East, b.West
			sa := install(t, c.tunnel)
			b.routePeer(t, sa.Dst)
			s := nets(lab.Only(host), lab.Only(sa.Dst))
			b.add(t, s, sa.SAID())
			stop := b.wire(t)
			ping := lab.Ping{Dst: sa.Dst, Count: 3, Wait: 300 * time.Millisecond}
			if r, err := b.EastHost.Ping(within(t, 20*time.Second), ping); err != nil || r.Received != 0 {
				t.Errorf("ping: %d answered, %v", r.Received, err)
			}
			if n := stop().Count(lab.Match{Src: lab.Only(host), Dst: lab.Only(sa.Dst)}); n != 0 {
				t.Errorf("%d frames on the wire, want none", n)
			}
			if n := b.eroute(t, s).Packets; n != 3 {
				t.Errorf("counted %d packets, want 3", n)
			}
		})
	}
}

// The path MTU of an SA in transport mode is reported to the sender: correctly for IPv4.
func TestTransportPathMTU4(t *testing.T) {
	b := newBench(t)
	c := transports(b)[0]
	sa, _ := b.connectPeers(t, c.tunnel, "proto icmp")
	stop := b.wire(t)
	mtu := b.reportedMTU(t, c.src, sa.Dst, 1500)
	b.send(t, c.src, sa.Dst, mtu)
	frames := stop()
	checkOnly(t, frames, layers.IPProtocolESP)
	if n := frames.Count(lab.Match{SPI: sa.SPI}); n != 1 || mtu < 1400 {
		t.Errorf("%d frames of %d bytes, want 1 of at least 1400", n, mtu)
	}
}

// For IPv6 each reported MTU is too big again, as the kernel subtracts the SA's overhead once more (the
// detour's route has learnt it, too): the route must leave space.
func TestTransportPathMTU6(t *testing.T) {
	b := newBench(t)
	c := transports(b)[2]
	sa, _ := b.connectPeers(t, c.tunnel, "proto ipv6-icmp type 129")
	change := fmt.Sprintf("-6 route change %s dev %s metric 100 ", sa.Dst, virtual)
	ip(t, b.East, change+"mtu 1400")
	stop := b.wire(t)
	b.send(t, c.src, sa.Dst, 1400)
	frames := stop()
	checkOnly(t, frames, layers.IPProtocolESP)
	if n := frames.Count(lab.Match{SPI: sa.SPI}); n != 1 {
		t.Errorf("%d frames of 1400 bytes, want 1", n)
	}

	ip(t, b.East, change)
	stop = b.wire(t)
	first := b.reportedMTU(t, c.src, sa.Dst, 1500)
	second := b.reportedMTU(t, c.src, sa.Dst, first)
	if first < 1400 || second >= first {
		t.Errorf("MTU %d, then %d", first, second)
	}
	if frames := stop().Select(lab.Match{Src: lab.Only(c.src), Dst: lab.Only(sa.Dst)}); len(frames) != 0 {
		t.Errorf("%d frames of packets that are too big", len(frames))
	}
}

// reportedMTU sends a packet of this many bytes from East, which must not be fragmented, and returns the MTU
// reported to East.
func (b bench) reportedMTU(t *testing.T, src, dst netip.Addr, size int) int {
	t.Helper()
	r := b.send(t, src, dst, size)
	if len(r.Errors) != 1 {
		t.Fatalf("%d errors for a packet of %d bytes, %v, want 1", len(r.Errors), size, r.SendErrors)
	}
	return r.Errors[0].MTU
}

// send pings once from East with a packet of this many bytes that must not be fragmented.
func (b bench) send(t *testing.T, src, dst netip.Addr, size int) lab.PingResult {
	t.Helper()
	headers := 28
	if dst.Is6() {
		headers = 48
	}
	r, err := b.East.Ping(within(t, 20*time.Second), lab.Ping{Src: src, Dst: dst, Size: size - headers, DF: true, Wait: 500 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
