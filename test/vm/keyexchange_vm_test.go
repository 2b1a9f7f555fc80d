// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// The gateway's own key exchange is sent in clear to a peer that is routed into the ipsec device, except with
// %drop; that of a host behind the gateway is not.
func TestKeyExchange(t *testing.T) {
	b := newBench(t)
	for _, f := range []struct {
		name      string
		own, peer netip.Addr
		host      netip.Addr
		over      lab.Tunnel
	}{
		{"v4", b.East.WAN4, b.West.WAN4, b.EastHost.LAN4, lab.Tunnel{}},
		{"v6", b.East.WAN6, b.West.WAN6, b.EastHost.LAN6, lab.Tunnel{Src: b.East.WAN6, Dst: b.West.WAN6}},
	} {
		t.Run(f.name, func(t *testing.T) {
			b.routePeer(t, f.peer)
			f.over.From, f.over.To = b.East, b.West
			sa := install(t, f.over) // no policy on West: it would also encrypt neighbour discovery
			any := netip.PrefixFrom(f.peer, 0).Masked()
			echo, err := b.West.EchoUDP(t.Context(), netip.AddrPortFrom(f.peer, 500))
			if err != nil {
				t.Fatal(err)
			}
			defer echo.Close()
			for _, c := range []struct {
				said    string // "": no eroute
				inClear int
			}{{"", 1}, {"%trap", 1}, {"%reject", 1}, {"%hold", 1}, {"%pass", 1}, {"%drop", 0}, {sa.TunSAID(), 1}} {
				t.Run("own "+c.said, func(t *testing.T) {
					if c.said != "" {
						b.add(t, nets(any, any), c.said)
					}
					b.checkKeyExchange(t, b.East, f.own, f.peer, c.inClear)
					if c.said != "" && c.inClear == 1 && b.eroute(t, nets(any, any)).Packets != 0 {
						t.Error("it was counted on the eroute")
					}
				})
			}
			t.Run("a user's", func(t *testing.T) {
				b.add(t, nets(any, any), "%hold")
				stop := b.wire(t)
				for _, owner := range []int{lab.Nobody, 0} { // first the user's: root's would be seen for it
					s := lab.Sender{Node: b.East, Owner: owner, Type: unix.SOCK_DGRAM, Src: netip.AddrPortFrom(f.own, 4500)}
					if err := s.Send(netip.AddrPortFrom(f.peer, 500), []byte("IKE")); err != nil {
						t.Fatal(err)
					}
				}
				b.checkKeyExchange(t, b.East, f.own, f.peer, 1)
				if n := stop().Count(lab.Match{Src: lab.Only(f.own), SrcPort: 4500}); n != 1 {
					t.Errorf("%d datagrams in clear, want root's alone", n)
				}
			})
			t.Run("forwarded", func(t *testing.T) {
				b.add(t, nets(any, any), "%hold")
				b.checkKeyExchange(t, b.EastHost, f.host, f.peer, 0)
			})
		})
	}
}

// checkKeyExchange sends a datagram from port 500 and looks for it on the wire.
func (b bench) checkKeyExchange(t *testing.T, from *lab.Node, src, dst netip.Addr, inClear int) {
	t.Helper()
	stop := b.wire(t)
	d := lab.Datagram{Src: netip.AddrPortFrom(src, 500), Dst: netip.AddrPortFrom(dst, 500), Payload: []byte("IKE")}
	wait := 200 * time.Millisecond
	if inClear > 0 {
		wait = 5 * time.Second
	}
	answer, err := from.ExchangeUDP(within(t, wait), d)
	if inClear > 0 && (err != nil || string(answer) != "IKE") {
		t.Errorf("answer %q, %v", answer, err)
	}
	if n := stop().Count(lab.Match{Src: lab.Only(src), SrcPort: 500}); n != inClear {
		t.Errorf("%d datagrams in clear, want %d", n, inClear)
	}
}

// routePeer routes a peer's own address into the ipsec device until the test ends.
func (b bench) routePeer(t *testing.T, peer netip.Addr) {
	t.Helper()
	if err := b.East.Route(lab.Only(peer), virtual); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.East.Unroute(lab.Only(peer), virtual); err != nil {
			t.Error(err)
		}
	})
}
