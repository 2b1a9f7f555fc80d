// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// Doctor's findings about the routes to a tunnel's peer agree with the packets: a loop that a rule by
// protocol, by port or by the state's output mark avoids is not reported, and if XFRM finds no route, in a
// VRF or for a deleted source address, doctor reports it.
func TestDoctorPeer(t *testing.T) {
	b := newBench(t)
	for _, p := range []string{lab.WestLAN4.String(), lab.WestLAN6.String()} {
		ip(t, b.East, "route add blackhole "+p+" metric 101")
	}
	const (
		peer = "192.1.2.45"
		said = "tun0x1000@" + peer
		ends = "src 192.1.2.23 dst " + peer + " proto esp spi 0x1000"
		keys = " reqid 9 mode tunnel aead rfc4106(gcm(aes)) 0x000102030405060708090a0b0c0d0e0f10111213 128"
	)
	b.add(t, nets(lab.EastLAN4, lab.WestLAN4), said)
	wire := func(want int) {
		t.Helper()
		stop := b.wire(t)
		const count = 3
		if _, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: count, Wait: 100 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, f := range stop() {
			if h, ok := f.Header(); ok && h.Dst == netip.MustParseAddr(peer) && (h.Proto == layers.IPProtocolESP || h.Proto == layers.IPProtocolUDP) {
				n++
			}
		}
		if n != want*count {
			t.Errorf("%d packets of the SA on the wire, want %d", n, want*count)
		}
	}
	state := func(more string) {
		t.Helper()
		ip(t, b.East, "xfrm state add "+ends+keys+more)
		b.follow(t)
	}
	loop := [2]string{"peer", "the peer of " + said + " is routed into ipsec0"}

	ip(t, b.East, "route add "+peer+" dev "+virtual)
	ip(t, b.East, "route add blackhole "+peer+" metric 1")
	ip(t, b.East, "route add "+peer+" dev wan table 100")
	for _, c := range []struct{ name, state, rule string }{
		{"protocol", "", "ipproto esp"},
		{"port", " encap espinudp 4500 4500 0.0.0.0", "ipproto udp sport 4500"},
		{"output mark", " output-mark 0x5", "fwmark 0x5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			state(c.state)
			wire(0)
			b.doctor(t, loop)
			ip(t, b.East, "rule add pref 50 "+c.rule+" lookup 100")
			wire(1)
			b.doctor(t)
			ip(t, b.East, "rule del pref 50")
			ip(t, b.East, "xfrm state delete "+ends)
		})
	}
	ip(t, b.East, "route del "+peer+" dev "+virtual)
	ip(t, b.East, "route del blackhole "+peer)
	ip(t, b.East, "route del "+peer+" table 100")

	t.Run("source", func(t *testing.T) {
		ip(t, b.East, "xfrm state add src 192.1.2.99 dst "+peer+" proto esp spi 0x1000"+keys)
		b.follow(t)
		wire(0)
		b.doctor(t, [2]string{"peer", said + " has source address 192.1.2.99, which is not an address of this gateway"})
		ip(t, b.East, "xfrm state delete "+ends)
	})

	t.Run("VRF", func(t *testing.T) {
		state("")
		wire(1)
		b.doctor(t)
		ip(t, b.East, "link add blue type vrf table 10")
		ip(t, b.East, "link set blue up")
		ip(t, b.East, "route add 192.0.1.0/24 dev "+virtual+" table 10")
		ip(t, b.East, "route add blackhole 192.0.1.0/24 metric 101 table 10")
		b.doctor(t) // a route of a VRF is not searched in the main table
		ip(t, b.East, "link set wan master blue")
		b.follow(t)
		wire(0)
		b.doctor(t, [2]string{"peer", "only VRF blue has a route to the peer of " + said})
		ip(t, b.East, "rule add pref 50 to "+peer+" lookup 10")
		wire(1)
		b.doctor(t)
	})
}
