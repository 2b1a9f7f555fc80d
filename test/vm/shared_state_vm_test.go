// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Two eroutes that name one state by different SAIDs both use it, in either order; one loses no packet when
// the other is deleted, and both drop when the state ends.
func TestTwoSAIDsOneState(t *testing.T) {
	b := newBench(t)
	h := b.WestHost
	for _, c := range []struct {
		name   string
		tunnel lab.Tunnel
		proto  layers.IPProtocol
		tun    int // which of the two eroutes names the state with tun
		dst    [2]netip.Addr
		nets   [2]eroute.Selector
	}{
		{"ESP over IPv4, tun first", lab.Tunnel{AnyFamily: true}, layers.IPProtocolESP, 0, [...]netip.Addr{h.LAN4, h.LAN6},
			[...]eroute.Selector{nets(lab.EastLAN4, lab.WestLAN4), nets(lab.EastLAN6, lab.WestLAN6)}},
		{"ESP over IPv4, tun second", lab.Tunnel{AnyFamily: true}, layers.IPProtocolESP, 1, [...]netip.Addr{h.LAN4, h.LAN6},
			[...]eroute.Selector{nets(lab.EastLAN4, lab.WestLAN4), nets(lab.EastLAN6, lab.WestLAN6)}},
		{"AH over IPv6, tun second", lab.Tunnel{Proto: lab.AH, Src: b.East.WAN6, Dst: b.West.WAN6, AnyFamily: true}, layers.IPProtocolAH, 1,
			[...]netip.Addr{h.LAN6, h.LAN4}, [...]eroute.Selector{nets(lab.EastLAN6, lab.WestLAN6), nets(lab.EastLAN4, lab.WestLAN4)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tunnel := c.tunnel
			tunnel.From, tunnel.To = b.East, b.West
			sa, err := tunnel.Install() // its state ends below
			if err != nil {
				t.Fatal(err)
			}
			back := install(t, sa.Reverse())
			saids := [...]string{sa.SAID(), sa.SAID()}
			saids[c.tun] = sa.TunSAID()
			for i, s := range c.nets {
				b.answer(t, back, s.Src, s.Dst)
				b.apply(t, eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: parseSAID(t, saids[i])})
			}
			t.Cleanup(func() { b.apply(t, eroute.Change{Op: eroute.OpClear}) })
			ping := func(i, want int) {
				t.Helper()
				r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: c.dst[i], Count: 3, Wait: 500 * time.Millisecond})
				if err != nil || r.Received != want {
					t.Errorf("%s: %d of 3 answered, want %d (%v)", saids[i], r.Received, want, err)
				}
			}
			stop, before := b.wire(t), b.reasons(t)
			ping(0, 3)
			ping(1, 3)
			frames := stop()
			checkOnly(t, frames, c.proto)
			if n := frames.Count(lab.Match{Src: lab.Only(sa.Src), SPI: sa.SPI}); n != 6 {
				t.Errorf("%d frames of the state, want 6", n)
			}
			checkReasons(t, before, b.reasons(t), map[string]uint64{"sa": 6})
			if stats := b.stats(t); stats.SAs != 2 || stats.SAsMissing != 0 {
				t.Errorf("%d SAs, %d missing, want 2 and 0", stats.SAs, stats.SAsMissing)
			}
			for i, s := range c.nets {
				if got := b.eroute(t, s).SAID.String(); got != saids[i] {
					t.Errorf("the listing says %s, want %s", got, saids[i])
				}
			}

			const count = 400
			wait := startPings(within(t, 90*time.Second), t, b.EastHost, lab.Ping{Dst: c.dst[1], Count: count, Interval: 5 * time.Millisecond})
			time.Sleep(300 * time.Millisecond)
			b.apply(t, eroute.Change{Op: eroute.OpDel, Selector: c.nets[0]})
			if r := wait(); r.Received != count {
				t.Errorf("%d of %d answered while the other eroute was deleted", r.Received, count)
			}
			b.apply(t, eroute.Change{Op: eroute.OpAdd, Selector: c.nets[0], SAID: parseSAID(t, saids[0])})
			ping(0, 3)
			ping(1, 3)

			before = b.reasons(t)
			ip(t, b.East, "xfrm state delete "+identity(sa))
			ping(0, 0)
			ping(1, 0)
			checkReasons(t, before, b.reasons(t), map[string]uint64{"sa-missing": 6})
		})
	}
}
