// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	table "github.com/ipsec-eroute/eroute/pkg/maps"
)

func (g *gateway) relayRuns(t *testing.T) (runs bool) {
	t.Helper()
	g.read(t, func(tab *table.Table) error {
		s, err := tab.Stats()
		runs = s.Relay
		return err
	})
	return runs
}

// eroute returns the eroute with this selector, if it is listed.
func (g *gateway) eroute(t *testing.T, s eroute.Selector) (found eroute.Eroute) {
	t.Helper()
	for _, e := range g.listed(t) {
		if e.Selector == s {
			return e
		}
	}
	return found
}

// hosts is the selector of packets from one host to another.
func hosts(src, dst netip.Addr) eroute.Selector {
	return eroute.Selector{Src: lab.Only(src), Dst: lab.Only(dst)}
}

// Eight pings into a trap without an answer: one ACQUIRE, the trap counts one, its hold seven, and no packet
// leaves. A %trapsubnet becomes the hold, and counts all eight.
func TestTrap(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		for _, said := range []eroute.SAID{eroute.Trap, eroute.TrapSubnet} {
			t.Run(said.String(), func(t *testing.T) {
				trap := from(f.eastNet, f.westNet, said)
				g.only(t, trap)
				r, wire, before := g.startRelay(t), g.watchWire(t), g.counts(t)
				ping := lab.Ping{Src: f.eastHost, Dst: f.westHost, Count: 8, Wait: 20 * time.Millisecond}
				if res, err := g.EastHost.Ping(within(t, patience), ping); err != nil || res.Received != 0 {
					t.Errorf("ping: %+v, %v", res, err)
				}
				want := counts{Reasons: map[string]uint64{"trap": 1, "hold": 7}, Eroutes: 8}
				hold, held := hosts(f.eastHost, f.westHost), uint64(7)
				if said == eroute.TrapSubnet {
					hold, held = trap.Selector, 8
				} else if n := g.eroute(t, trap.Selector).Packets; n != 1 {
					t.Errorf("the trap counts %d packets, want 1", n)
				}
				g.counted(t, before, want)
				e := g.eroute(t, hold)
				if e.Packets != held || e.SAID != eroute.Hold || e.Bytes < 20*held || time.Since(e.LastUsed) > patience {
					t.Errorf("hold %v, want %d packets", e, held)
				}
				wire(0)
				r.waitFor(t, "hold", 1)
				asked := r.waitFor(t, "acquire", 1)
				if len(asked) != 1 || asked[0].Flow.Src != hold.Src.String() || asked[0].Flow.Dst != hold.Dst.String() ||
					asked[0].Eroute.Src != f.eastNet.String() || asked[0].Eroute.SAID != said.String() || asked[0].Device != g.holder() {
					t.Errorf("asked %+v", asked)
				}
				if r.kinds() != "acquire hold" {
					t.Errorf("events %s", r.kinds())
				}
			})
		}
	})
}

// A replaced hold re-sends its first packet, then its newest one, unchanged; they are matched against the
// table again.
func TestRelease(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		echo, err := g.WestHost.EchoUDP(within(t, 30*time.Second), netip.AddrPortFrom(f.westHost, 53))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = echo.Close() }()
		trap := from(f.eastNet, f.westNet, eroute.Trap)
		trap.Selector.Proto, trap.Selector.DstPort = 17, 53
		g.only(t, trap)
		r := g.startRelay(t, "--metrics", relayMetrics)
		for _, text := range []string{"first", "second", "third", "newest of all"} {
			g.sendText(t, f, 4711, text)
		}
		r.waitFor(t, "hold", 1)
		g.waitStored(t, f, "first", "newest of all")
		hold := hosts(f.eastHost, f.westHost)
		hold.Proto, hold.DstPort = 17, 53
		if err := g.apply(eroute.Change{Op: eroute.OpReplace, Selector: hold, SAID: eroute.Pass}); err != nil {
			t.Fatal(err)
		}
		released := r.waitFor(t, "release", 1)[0]
		if released.Packets != 2 || released.Eroute.SAID != "%pass" || released.Eroute.Src != lab.Only(f.eastHost).String() {
			t.Errorf("released %+v", released)
		}
		g.sendText(t, f, 4711, "after")
		want := []string{"first", "newest of all", "after"}
		eventually(t, func() bool { return len(echo.Received()) >= len(want) })
		got := echo.Received()
		for i, d := range got {
			if i >= len(want) || string(d.Payload) != want[i] || d.From != netip.AddrPortFrom(f.eastHost, 4711) {
				t.Errorf("received %d: %q from %v", i, d.Payload, d.From)
			}
		}
		if len(got) != len(want) {
			t.Errorf("received %d datagrams, want %d", len(got), len(want))
		}
		if n := g.eroute(t, hold).Packets; n != 3 {
			t.Errorf("the new eroute counts %d packets, want 3", n)
		}
	})
}

// sendText sends a datagram from EastHost to WestHost.
func (g *gateway) sendText(t *testing.T, f family, port uint16, text string) {
	t.Helper()
	d := lab.Datagram{Src: netip.AddrPortFrom(f.eastHost, port), Dst: netip.AddrPortFrom(f.westHost, 53), Payload: []byte(text)}
	if err := g.EastHost.SendUDP(within(t, patience), d); err != nil {
		t.Fatal(err)
	}
}

// relayMetrics is the address of the relay's metrics.
const relayMetrics = "127.0.0.1:9790"

// waitStored waits until a relay with metrics stores exactly these datagrams of sendText, by their bytes.
func (g *gateway) waitStored(t *testing.T, f family, texts ...string) {
	t.Helper()
	bytes := 0
	for _, text := range texts {
		bytes += 28 + len(text)
		if f.westHost.Is6() {
			bytes += 20
		}
	}
	g.scrapeUntil(t, relayMetrics, "eroute_relay_held_bytes", float64(bytes))
}
