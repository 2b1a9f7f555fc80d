// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// prohibited reports whether this is the error that the sender of a rejected packet receives, and the error
// it becomes.
func (f family) prohibited(e lab.ICMPError) bool {
	if f.name == "v6" {
		return e.Is(1, 1)
	}
	return e.Is(3, 13)
}

// newSource gives EastHost an address without previous errors. Each source of prohibited IPv4 packets
// receives five at once, then one per second (ip_error, net/ipv4/route.c): that limit is global, in
// net.ipv4.route.error_cost.
func (g *gateway) newSource(t *testing.T, f family) netip.Addr {
	t.Helper()
	b := f.eastHost.AsSlice()
	g.sources++
	b[len(b)-1] = byte(100 + g.sources)
	src, _ := netip.AddrFromSlice(b)
	args := []string{"addr", "add", netip.PrefixFrom(src, f.eastNet.Bits()).String(), "dev", lab.Eth0}
	if src.Is6() {
		args = append(args, "nodad")
	}
	if _, err := g.EastHost.IP(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
	return src
}

func (f family) prohibitedError() error {
	if f.name == "v6" {
		return syscall.EACCES
	}
	return syscall.EHOSTUNREACH
}

// The sender of packets of %reject receives the error from the gateway's address on its link, with each
// packet quoted, for any protocol.
func TestReject(t *testing.T) {
	const pings = 3
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		g.only(t, all(eroute.Reject)...)
		src := g.newSource(t, f)
		wire := g.watchWire(t)
		icmp := watchICMP(t, g.EastHost)
		before := g.counts(t)
		ctx := within(t, patience)
		r, err := g.EastHost.Ping(ctx, lab.Ping{Src: src, Dst: f.westHost, Count: pings})
		if err != nil || r.Received != 0 || len(r.Errors) != pings {
			t.Errorf("ping: %+v, %v, want %d errors", r, err, pings)
		}
		d := lab.Datagram{Src: netip.AddrPortFrom(src, 0), Dst: netip.AddrPortFrom(f.westHost, 80), Payload: []byte("payload")}
		if _, err := g.EastHost.ExchangeUDP(ctx, d); !errors.Is(err, f.prohibitedError()) {
			t.Errorf("UDP: %v, want %v", err, f.prohibitedError())
		}
		g.counted(t, before, reason("reject", pings+1))
		for _, e := range icmp(pings + 1) {
			h, ok := e.About()
			if !f.prohibited(e) || e.From != f.eastLAN || !ok || h.Src != src || h.Dst != f.westHost {
				t.Errorf("error %d/%d from %s about %+v, want prohibited by %s", e.Type, e.Code, e.From, h, f.eastLAN)
			}
		}
		wire(0)
	})
}

// A connection attempt fails as soon as the sender processes the error: Linux at once, or after a second SYN
// if the error arrives before connect(2) has stored the socket. This includes the gateway's own attempts.
func TestRejectTCP(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		for _, from := range []struct {
			node *lab.Node
			src  netip.Addr
		}{{g.EastHost, g.newSource(t, f)}, {g.East, f.eastLAN}} {
			t.Run(from.node.Name, func(t *testing.T) {
				g.only(t, all(eroute.Reject)...)
				before, sent := g.counts(t), repeated(t, from.node)
				err := from.node.ConnectTCP(within(t, patience), netip.AddrPortFrom(from.src, 0), netip.AddrPortFrom(f.westHost, 80))
				syns := 1 + repeated(t, from.node) - sent
				if !errors.Is(err, f.prohibitedError()) || syns > 2 {
					t.Errorf("%v after %d SYNs, want %v at once", err, syns, f.prohibitedError())
				}
				g.counted(t, before, reason("reject", syns))
			})
		}
	})
}

// The gateway's own datagrams are rejected, too, and its programs receive the error.
func TestRejectLocal(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		g.only(t, all(eroute.Reject)...)
		wire := g.watchWire(t)
		before := g.counts(t)
		d := lab.Datagram{Src: netip.AddrPortFrom(f.eastLAN, 0), Dst: netip.AddrPortFrom(f.westHost, 80), Payload: []byte("payload")}
		if _, err := g.East.ExchangeUDP(within(t, patience), d); !errors.Is(err, f.prohibitedError()) {
			t.Errorf("%v, want %v", err, f.prohibitedError())
		}
		g.counted(t, before, reason("reject", 1))
		wire(0)
	})
}

// ICMP errors, fragments other than the first, and multicast packets are not answered; they are still dropped
// and counted.
func TestRejectSilently(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		for name, packet := range map[string][]byte{
			"ICMP error":     unreachable(t, f.eastHost, f.westHost),
			"later fragment": laterFragment(t, f.eastHost, f.westHost),
		} {
			t.Run(name, func(t *testing.T) {
				g.only(t, all(eroute.Reject)...)
				wire := g.watchWire(t)
				icmp := watchICMP(t, g.EastHost)
				before := g.counts(t)
				g.sendIP(t, packet)
				g.counted(t, before, reason("reject", 1))
				icmp(0)
				wire(0)
			})
		}
	})
}

// Packets of the gateway to a multicast group that is routed into the device are rejected without an error.
func TestRejectMulticast(t *testing.T) {
	g := newGateway(t, "egress")
	g.only(t, all(eroute.Reject)...)
	if err := g.East.Route(netip.MustParsePrefix("239.1.1.0/24"), ipsec0); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := g.East.Unroute(netip.MustParsePrefix("239.1.1.0/24"), ipsec0); err != nil {
			t.Error(err)
		}
	}()
	icmp := watchICMP(t, g.East)
	before := g.counts(t)
	// Without a source address: with one, multicast leaves through that address's interface.
	if _, err := g.East.Ping(t.Context(), lab.Ping{Dst: netip.MustParseAddr("239.1.1.1"), Wait: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	g.counted(t, before, reason("reject", 1))
	icmp(0)
}

// The kernel's limits apply to these errors as to all others, and packets are still dropped and counted.
func TestRejectLimited(t *testing.T) {
	const pings = 60
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		g.only(t, all(eroute.Reject)...)
		g.limitICMP(t, true)
		defer g.limitICMP(t, false)
		src, before := g.newSource(t, f), g.counts(t)
		icmp, err := g.EastHost.WatchICMP(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Src: src, Dst: f.westHost, Count: pings, Interval: time.Millisecond, Wait: time.Millisecond})
		if err != nil || r.Received != 0 {
			t.Errorf("ping: %+v, %v, want no answer", r, err)
		}
		g.counted(t, before, reason("reject", pings))
		// The kernel may have to resolve the source's MAC address before it sends an error.
		if _, err := icmp.Wait(within(t, patience), 1); err != nil {
			t.Error(err)
		}
		errs, err := icmp.Stop()
		if err != nil || len(errs) == 0 || len(errs) > pings/2 {
			t.Errorf("%d errors for %d pings, %v, want a few", len(errs), r.Sent, err)
		}
	})
}
