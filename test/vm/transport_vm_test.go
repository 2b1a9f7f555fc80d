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
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// transport is an SA in transport mode from East to West, and its packets.
type transport struct {
	name   string
	tunnel lab.Tunnel
	proto  layers.IPProtocol // on the wire
	from   *lab.Node
	src    netip.Addr
}

func transports(b bench) []transport {
	v4 := lab.Tunnel{Mode: lab.TransportMode}
	v6 := lab.Tunnel{Mode: lab.TransportMode, Src: b.East.WAN6, Dst: b.West.WAN6}
	cbc, ah4, comp4, ah6, comp6 := v4, v4, v4, v6, v6
	cbc.Suite, ah4.Proto, comp4.Proto, ah6.Proto, comp6.Proto = lab.CBC, lab.AH, lab.COMP, lab.AH, lab.COMP
	e := b.East
	return []transport{
		{"esp GCM v4", v4, layers.IPProtocolESP, e, e.WAN4},
		{"esp CBC v4", cbc, layers.IPProtocolESP, e, e.WAN4},
		{"esp v6", v6, layers.IPProtocolESP, e, e.WAN6},
		{"ah v4", ah4, layers.IPProtocolAH, e, e.WAN4},
		{"ah v6", ah6, layers.IPProtocolAH, e, e.WAN6},
		{"comp v4", comp4, lab.IPComp, e, e.WAN4},
		{"comp v6", comp6, lab.IPComp, e, e.WAN6},
	}
}

// connectPeers installs a transport between the gateways until the test ends, and routes West's address into
// ipsec0. West answers pings and TCP through its own SA; neighbour discovery stays in clear.
func (b bench) connectPeers(t *testing.T, tunnel lab.Tunnel, proto string) (*lab.SA, eroute.Selector) {
	t.Helper()
	tunnel.From, tunnel.To = b.East, b.West
	sa := install(t, tunnel)
	b.routePeer(t, sa.Dst)
	back := install(t, sa.Reverse())
	b.answerOnly(t, back, lab.Only(sa.Src), lab.Only(sa.Dst), proto)
	s := nets(lab.Only(sa.Src), lab.Only(sa.Dst))
	b.add(t, s, sa.SAID())
	return sa, s
}

// SAs in transport mode carry the gateway's own packets to the peer whose route leads into ipsec0: all of
// them, and the eroute counts them exactly.
//
// Inbound packets of IPv4 SAs in transport mode are lost while there is a collect-metadata XFRM interface
// (xfrm4_rcv_encap_finish, net/ipv4/xfrm4_input.c), except ESP, which GRO receives: of AH and IPComp West's
// answers are seen on the wire only.
func TestTransport(t *testing.T) {
	b := newBench(t)
	if err := b.West.SendForGRO(lab.WAN); err != nil {
		t.Fatal(err)
	}
	for _, c := range transports(b) {
		t.Run(c.name, func(t *testing.T) {
			pong := "proto icmp"
			if c.src.Is6() {
				pong = "proto ipv6-icmp type 129"
			}
			sa, s := b.connectPeers(t, c.tunnel, pong)
			stop, before := b.wire(t), b.reasons(t)
			const count, size = 10, 600
			ping := lab.Ping{Src: c.src, Dst: sa.Dst, Count: count, Size: size, Interval: 3 * time.Millisecond}
			if got, err := c.from.Ping(within(t, 20*time.Second), ping); err != nil || (got.Received == count) != (c.src.Is6() || c.proto == layers.IPProtocolESP) {
				t.Errorf("ping: %+v, %v", got, err)
			}
			frames := stop()
			checkOnly(t, frames, c.proto)
			if n := frames.Count(lab.Match{Src: lab.Only(sa.Dst), Dst: lab.Only(sa.Src), Proto: c.proto}); n != count {
				t.Errorf("%d answers on the wire, want %d", n, count)
			}
			out := lab.Match{Src: lab.Only(sa.Src), Dst: lab.Only(sa.Dst), SPI: sa.SPI}
			if n := frames.Count(out); n != count {
				t.Errorf("%d frames of %s, want %d", n, sa.SAID(), count)
			}
			if e := b.eroute(t, s); e.Packets != count {
				t.Errorf("counted %d packets, want %d", e.Packets, count)
			}
			checkReasons(t, before, b.reasons(t), map[string]uint64{"sa": count})
		})
	}
}

// TCP with large segments passes an SA in transport mode, if the route leaves space for the SA's overhead.
func TestTransportTCP(t *testing.T) {
	b := newBench(t)
	if err := b.West.SendForGRO(lab.WAN); err != nil {
		t.Fatal(err)
	}
	all := transports(b)
	for _, c := range []transport{all[0], all[2]} {
		t.Run(c.name, func(t *testing.T) {
			sa, s := b.connectPeers(t, c.tunnel, "proto tcp")
			if c.src.Is6() {
				ip(t, b.East, fmt.Sprintf("-6 route change %s dev %s metric 100 mtu 1400", sa.Dst, virtual))
			}
			stop := b.wire(t)
			transfer := lab.Transfer{
				From: c.from, To: b.West, Bytes: 2 << 20,
				Src: netip.AddrPortFrom(c.src, 0), Dst: netip.AddrPortFrom(sa.Dst, 0),
			}
			if _, err := transfer.Run(within(t, 60*time.Second)); err != nil {
				t.Error(err)
			}
			frames := stop()
			checkOnly(t, frames, layers.IPProtocolESP)
			b.checkSegments(t, s, frames.Count(lab.Match{SPI: sa.SPI}))
		})
	}
}

// Replacing an SA in transport mode by the next loses no packet.
func TestTransportRekey(t *testing.T) {
	b := newBench(t)
	tunnel := transports(b)[2].tunnel
	sa, s := b.connectPeers(t, tunnel, "proto ipv6-icmp type 129")
	stop := b.wire(t)
	const count = 500
	wait := startPings(within(t, 60*time.Second), t, b.East, lab.Ping{Src: sa.Src, Dst: sa.Dst, Count: count, Interval: 5 * time.Millisecond})
	tunnel.From, tunnel.To = b.East, b.West
	next := install(t, tunnel)
	time.Sleep(500 * time.Millisecond)
	b.replace(t, s, next.SAID())
	if got := wait(); got.Received != count {
		t.Errorf("ping: %+v", got)
	}
	frames := stop()
	checkOnly(t, frames, layers.IPProtocolESP)
	old, renewed := frames.Count(lab.Match{SPI: sa.SPI}), frames.Count(lab.Match{SPI: next.SPI})
	if old == 0 || renewed == 0 || old+renewed != count {
		t.Errorf("%d frames of the old SA, %d of the new one, want %d in all", old, renewed, count)
	}
}
