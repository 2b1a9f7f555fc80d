// SPDX-License-Identifier: Apache-2.0

//go:build vm

package lab_test

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/ipsec-eroute/eroute/internal/lab"
)

// protect installs a key manager's out policy for packets from one address to another, and returns a function
// that removes it. It is not part of the lab, which leaves out policies to the code under test.
func protect(t *testing.T, sa *lab.SA, src, dst netip.Addr) (remove func()) {
	t.Helper()
	policy := func(verb string, more ...string) {
		t.Helper()
		args := append([]string{"xfrm", "policy", verb, "src", src.String(), "dst", dst.String(), "dir", "out"}, more...)
		if _, err := sa.From.IP(t.Context(), args...); err != nil {
			t.Fatal(err)
		}
	}
	policy("add", "tmpl", "src", sa.Src.String(), "dst", sa.Dst.String(), "proto", sa.Proto,
		"reqid", strconv.FormatUint(uint64(sa.ReqID), 10), "mode", sa.Mode)
	return func() { t.Helper(); policy("delete") }
}

// install installs a tunnel.
func install(t *testing.T, tunnel lab.Tunnel) *lab.SA {
	t.Helper()
	sa, err := tunnel.Install()
	if err != nil {
		t.Fatal(err)
	}
	return sa
}

// nothingLeft checks that a node has no state and no policy.
func nothingLeft(t *testing.T, n *lab.Node, what string) {
	t.Helper()
	out, err := n.IP(t.Context(), "xfrm", what, "list")
	if err != nil || strings.TrimSpace(out) != "" {
		t.Errorf("%s of %s after Remove: %v\n%s", what, n.Name, err, out)
	}
}

// Packets of each kind of tunnel are on the wire under that tunnel's protocol and SPI, exactly once in each
// direction, and never in clear.
func TestTunnel(t *testing.T) {
	l := newLab(t)
	base := lab.Tunnel{From: l.East, To: l.West, ReqID: 7}
	over6 := base
	over6.Src, over6.Dst = l.East.WAN6, l.West.WAN6
	with := func(t lab.Tunnel, change func(*lab.Tunnel)) lab.Tunnel { change(&t); return t }
	any := func(t *lab.Tunnel) { t.AnyFamily = true }
	transport := func(t *lab.Tunnel) { t.Mode = lab.TransportMode }
	east4, west4, east6, west6 := l.EastHost.LAN4, l.WestHost.LAN4, l.EastHost.LAN6, l.WestHost.LAN6
	for _, c := range []struct {
		name     string
		tunnel   lab.Tunnel
		proto    layers.IPProtocol
		node     *lab.Node
		src, dst netip.Addr
	}{
		{"ESP GCM v4", base, 50, l.EastHost, east4, west4},
		{"ESP CBC v4", with(base, func(t *lab.Tunnel) { t.Suite = lab.CBC }), 50, l.EastHost, east4, west4},
		{"ESP v6 in v4", with(base, any), 50, l.EastHost, east6, west6},
		{"ESP v4 in v6", with(over6, any), 50, l.EastHost, east4, west4},
		{"ESP v6 in v6", over6, 50, l.EastHost, east6, west6},
		{"AH v4", with(base, func(t *lab.Tunnel) { t.Proto = lab.AH }), 51, l.EastHost, east4, west4},
		{"IPComp v4", with(base, func(t *lab.Tunnel) { t.Proto = lab.COMP }), lab.IPComp, l.EastHost, east4, west4},
		{"IPComp v6", with(over6, func(t *lab.Tunnel) { t.Proto = lab.COMP }), lab.IPComp, l.EastHost, east6, west6},
		{"ESP transport v4", with(base, transport), 50, l.East, l.East.WAN4, l.West.WAN4},
		{"ESP transport v6", with(over6, transport), 50, l.East, l.East.WAN6, l.West.WAN6},
	} {
		t.Run(c.name, func(t *testing.T) {
			there, back := install(t, c.tunnel), install(t, c.tunnel.Reverse())
			unprotect := []func(){protect(t, there, c.src, c.dst), protect(t, back, c.dst, c.src)}
			wire, err := l.CaptureWire()
			if err != nil {
				t.Fatal(err)
			}
			stop := stopper(t, "wire", wire)
			const count = 20
			r, err := c.node.Ping(within(t, time.Minute), lab.Ping{Src: c.src, Dst: c.dst, Count: count, Size: 400})
			if err != nil || r.Received != count || r.Duplicates+len(r.Errors) != 0 {
				t.Errorf("ping: %+v, %v", r, err)
			}
			frames := stop()
			for _, sa := range []*lab.SA{there, back} {
				m := lab.Match{Src: lab.Only(sa.Src), Dst: lab.Only(sa.Dst), Proto: c.proto, SPI: sa.SPI}
				if got := frames.Count(m); got != count {
					t.Errorf("%d frames of %s, want %d", got, sa.SAID(), count)
				}
			}
			for _, icmp := range []layers.IPProtocol{layers.IPProtocolICMPv4, layers.IPProtocolICMPv6} {
				m := lab.Match{Src: lab.Only(c.src), Dst: lab.Only(c.dst), Proto: icmp}
				if got := frames.Count(m); got != 0 {
					t.Errorf("%d frames in clear", got)
				}
			}
			if got := frames.Containing([]byte(lab.Marker)); c.proto == 50 && got != 0 {
				t.Errorf("%d frames with content in clear", got)
			}
			for i, sa := range []*lab.SA{there, back} {
				unprotect[i]()
				if err := sa.Remove(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, n := range []*lab.Node{l.East, l.West} {
		nothingLeft(t, n, "state")
		nothingLeft(t, n, "policy")
	}
}
