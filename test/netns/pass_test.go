// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// coldNeighbours flushes East's neighbour entries.
func (g *gateway) coldNeighbours(t *testing.T) {
	t.Helper()
	for _, family := range []string{"-4", "-6"} {
		if _, err := g.East.IP(t.Context(), family, "neigh", "flush", "dev", lab.WAN); err != nil {
			t.Fatal(err)
		}
	}
}

// Packets of %pass leave as routing would send them, including the first one, which needs neighbour
// discovery; forwarded ones with the hop limit decremented once.
func TestPass(t *testing.T) {
	const pings, size = 4, 100
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		for _, from := range []struct {
			node *lab.Node
			src  netip.Addr
			ttl  uint8
		}{{g.EastHost, f.eastHost, 63}, {g.East, f.eastLAN, 64}} {
			t.Run(from.node.Name, func(t *testing.T) {
				g.only(t, all(eroute.Pass)...)
				g.coldNeighbours(t)
				wire := g.watchWire(t)
				before := g.counts(t)
				r, err := from.node.Ping(within(t, patience), lab.Ping{Src: from.src, Dst: f.westHost, Count: pings, Size: size, TTL: 64})
				if err != nil || r.Received != pings {
					t.Errorf("ping: %+v, %v, want %d answers", r, err, pings)
				}
				g.counted(t, before, reason("pass", pings))
				for _, frame := range wire(pings) {
					if h, _ := frame.Header(); h.TTL != from.ttl || h.Src != from.src || h.Dst != f.westHost {
						t.Errorf("left as %+v, want hop limit %d", h, from.ttl)
					}
				}
				header := 20
				if f.name == "v6" {
					header = 40
				}
				used := 0
				for _, e := range g.listed(t) {
					if e.Packets == 0 {
						continue
					}
					used++
					if want := uint64(pings * (header + 8 + size)); e.Bytes != want || time.Since(e.LastUsed) > 10*time.Second {
						t.Errorf("eroute %v: %d bytes, last %v, want %d just now", e, e.Bytes, e.LastUsed, want)
					}
				}
				if used != 1 {
					t.Errorf("%d eroutes have packets, want 1", used)
				}
			})
		}
	})
}

// TCP passes %pass in large segments, for either sender of the data, and each segment of the wire is counted.
func TestPassTCP(t *testing.T) {
	const size = 8 << 20
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		mergeSegments(t, g.East, lab.LAN, true)
		defer mergeSegments(t, g.East, lab.LAN, false)
		for _, c := range []struct {
			name     string
			transfer lab.Transfer
			uphill   bool
		}{
			{"from the host", lab.Transfer{From: g.EastHost, To: g.WestHost, Dst: netip.AddrPortFrom(f.westHost, 0)}, true},
			{"to the host", lab.Transfer{From: g.WestHost, To: g.EastHost, Dst: netip.AddrPortFrom(f.eastHost, 0)}, false},
			{"from the gateway", lab.Transfer{From: g.East, To: g.WestHost, Src: netip.AddrPortFrom(f.eastLAN, 0), Dst: netip.AddrPortFrom(f.westHost, 0)}, true},
			{"to the gateway", lab.Transfer{From: g.WestHost, To: g.East, Dst: netip.AddrPortFrom(f.eastLAN, 0)}, false},
		} {
			t.Run(c.name, func(t *testing.T) {
				g.only(t, all(eroute.Pass)...)
				wire := g.captureWAN(t)
				before := g.counts(t)
				c.transfer.Bytes = size
				if _, err := c.transfer.Run(within(t, time.Minute)); err != nil {
					t.Fatal(err)
				}
				large := false
				for _, frame := range wire() {
					large = large || frame.Outgoing && len(frame.Data) > 9000
				}
				if large != c.uphill {
					t.Errorf("large segments left: %v, want %v", large, c.uphill)
				}
				// The connection's last packets may still be in flight.
				var got counts
				eventually(t, func() bool {
					got = g.counts(t).since(before)
					return got.Eroutes == got.Reasons["pass"] && got.total() == got.Eroutes
				})
				if got.Eroutes == 0 || got.Eroutes != got.Reasons["pass"] || got.total() != got.Eroutes {
					t.Errorf("counted %+v, want packets of pass only, once each", got)
				}
				if least := uint64(size / 1500); c.uphill && got.Eroutes < least {
					t.Errorf("%d packets counted for %d bytes, want at least %d", got.Eroutes, size, least)
				}
			})
		}
	})
}

// A datagram larger than the MTU passes %pass in both directions; each fragment is counted, and fragments
// other than the first do not match an eroute with a port.
func TestPassFragments(t *testing.T) {
	payload := bytes.Repeat([]byte("fragment"), 500) // 4000 bytes
	const fragments = 3
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		echo, err := g.WestHost.EchoUDP(t.Context(), netip.AddrPortFrom(f.westHost, 4400))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = echo.Close() }()
		port := from(f.eastNet, f.westNet, eroute.Pass)
		port.Selector.Proto, port.Selector.DstPort = 17, 4400
		for _, c := range []struct {
			node *lab.Node
			src  netip.Addr
		}{{g.EastHost, f.eastHost}, {g.East, f.eastLAN}} {
			t.Run(c.node.Name, func(t *testing.T) {
				g.only(t, append(all(eroute.Pass), port)...)
				before := g.counts(t)
				d := lab.Datagram{Src: netip.AddrPortFrom(c.src, 0), Dst: echo.Addr(), Payload: payload}
				got, err := c.node.ExchangeUDP(within(t, patience), d)
				if err != nil || !bytes.Equal(got, payload) {
					t.Errorf("%d bytes back, %v, want %d", len(got), err, len(payload))
				}
				g.counted(t, before, reason("pass", fragments))
				if e := g.eroute(t, port.Selector); e.Packets != 1 {
					t.Errorf("%d fragments matched the eroute with a port, want 1", e.Packets)
				}
			})
		}
	})
}
