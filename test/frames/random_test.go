// SPDX-License-Identifier: Apache-2.0

package frames

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
)

// random makes frames.
type random struct {
	*rand.Rand
	lab *lab.Lab
}

func newRandom(t *testing.T, l *lab.Lab) *random { return &random{testenv.Rand(t), l} }

// oneIn is true once in n calls.
func (r *random) oneIn(n int) bool { return r.IntN(n) == 0 }

func pick[T any](r *random, all ...T) T { return all[r.IntN(len(all))] }

func (r *random) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// inside is an address of a prefix.
func (r *random) inside(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i, random := range r.bytes(len(b)) {
		keep := min(max(p.Bits()-8*i, 0), 8)
		b[i] |= random & byte(0xff>>keep)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

var ports = []uint16{1, 53, 500, 1701, 4500, 65535}

// port is mostly one used by eroutes.
func (r *random) port() uint16 {
	if r.oneIn(8) {
		return uint16(r.Uint32())
	}
	return pick(r, ports...)
}

func (r *random) proto() byte {
	if r.oneIn(5) {
		return byte(r.Uint32())
	}
	return pick[byte](r, 6, 17, 17, 1, 4, 41, 47, 50, 51, 58, 59, 132)
}

// source is mostly one of the LAN, else of the gateway itself, or an invalid one.
func (r *random) source(v6 bool) netip.Addr {
	if !r.oneIn(3) {
		return pick(r, r.inside(network(v6, lab.EastLAN4, lab.EastLAN6)), host(v6, r.lab.EastHost))
	}
	if v6 {
		return pick(r, r.lab.East.LAN6, r.lab.East.WAN6,
			mapped(r.source(false)), r.inside(netip.MustParsePrefix("::/0")), r.inside(netip.MustParsePrefix("fe80::/10")),
			r.inside(netip.MustParsePrefix("ff00::/8")), netip.IPv6Unspecified(), netip.IPv6Loopback())
	}
	return pick(r, r.lab.East.LAN4, r.lab.East.WAN4,
		r.inside(netip.MustParsePrefix("0.0.0.0/0")), r.inside(netip.MustParsePrefix("127.0.0.0/8")),
		r.inside(netip.MustParsePrefix("224.0.0.0/3")), netip.IPv4Unspecified())
}

// destination is mostly one that is routed into the ipsec device.
func (r *random) destination(v6 bool) netip.Addr {
	if !r.oneIn(5) {
		return pick(r, r.inside(network(v6, lab.WestLAN4, lab.WestLAN6)), host(v6, r.lab.WestHost))
	}
	if v6 {
		return pick(r, r.lab.East.LAN6,
			r.lab.West.WAN6, mapped(r.destination(false)), r.inside(netip.MustParsePrefix("::/0")), r.inside(netip.MustParsePrefix("ff00::/8")))
	}
	return pick(r, r.lab.East.LAN4,
		r.lab.West.WAN4, r.inside(netip.MustParsePrefix("0.0.0.0/0")), r.inside(netip.MustParsePrefix("224.0.0.0/3")))
}

// mapped is ::ffff:a.b.c.d.
func mapped(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }

func network(v6 bool, four, six netip.Prefix) netip.Prefix {
	if v6 {
		return six
	}
	return four
}

func host(v6 bool, n *lab.Node) netip.Addr {
	if v6 {
		return n.LAN6
	}
	return n.LAN4
}
