// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// A group of SAs with real ESP: flows are shared out and keep their order; the end of an SA under traffic, without any
// command, loses at most the packet on its way, and sends none in clear. An SA that is set aside has no traffic.
//
//vm:alone
func TestGroup(t *testing.T) {
	for name, c := range map[string]device.Config{
		"watched": {Virtual: virtual, Physical: lab.WAN},
		"routed":  {Virtual: virtual, Physical: lab.WAN, Routed: true},
	} {
		t.Run(name, func(t *testing.T) {
			b := newLab(t)
			b.attachAs(t, c)
			if c.Routed {
				b.routeLANs(t)
			}
			for _, spread := range []string{"flow", "failover"} {
				t.Run(spread, func(t *testing.T) { b.checkGroup(t, spread) })
			}
		})
	}
}

func (b bench) checkGroup(t *testing.T, spread string) {
	const streams, rate, while = 8, 50, time.Second
	first, err := lab.Tunnel{From: b.East, To: b.West}.Install() // its state ends below
	if err != nil {
		t.Fatal(err)
	}
	second := install(t, lab.Tunnel{From: b.East, To: b.West})
	s := nets(lab.EastLAN4, lab.WestLAN4)
	b.add(t, s, strings.Join([]string{first.TunSAID(), second.TunSAID()}, ",")+"/"+spread)

	b.checkAside(t, first, second)

	count, err := b.WestHost.CountStreams(netip.AddrPortFrom(b.WestHost.LAN4, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer count.Close()
	stop := b.wire(t)
	all := make([]*lab.Stream, streams)
	for i := range all {
		all[i] = &lab.Stream{From: b.EastHost, Dst: netip.AddrPortFrom(b.WestHost.LAN4, count.Port()), ID: uint32(i), Rate: rate}
		if err := all[i].Start(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(while)
	before := stop()
	stop = b.wire(t)
	ip(t, b.East, "xfrm state delete "+identity(first))
	time.Sleep(while)
	var sent, arrived, late uint64
	for i, stream := range all {
		n, err := stream.Stop()
		if err != nil {
			t.Fatal(err)
		}
		sent += n
		_ = count.Wait(within(t, 2*time.Second), uint32(i), n) // a lost one is counted below
		once, _ := count.Arrived(uint32(i))
		arrived += once
		late += count.Late(uint32(i))
	}
	after := stop()

	if sent-arrived > 1 || late != 0 {
		t.Errorf("%d of %d datagrams arrived, %d of them late", arrived, sent, late)
	}
	checkOnly(t, before, layers.IPProtocolESP)
	checkOnly(t, after, layers.IPProtocolESP)
	firsts, seconds := before.Count(lab.Match{SPI: first.SPI}), before.Count(lab.Match{SPI: second.SPI})
	if spread == "flow" && (firsts == 0 || seconds == 0) || spread == "failover" && (firsts == 0 || seconds != 0) {
		t.Errorf("%d packets went to the first SA, %d to the second", firsts, seconds)
	}
	if n := after.Count(lab.Match{SPI: second.SPI}); n < streams*rate/2 {
		t.Errorf("%d packets went to the second SA after the end of the first", n)
	}
	t.Logf("%d of %d datagrams arrived; while both SAs were there %d went to the first and %d to the second", arrived, sent, firsts, seconds)
}

// checkAside checks that all packets go to the second SA while the first one is set aside, and no longer.
func (b bench) checkAside(t *testing.T, first, second *lab.SA) {
	t.Helper()
	const packets = 32
	for _, aside := range []bool{true, false} {
		b.setAside(t, first.TunSAID(), aside)
		stop := b.wire(t)
		for i := range uint16(packets) {
			d := lab.Datagram{Src: netip.AddrPortFrom(b.EastHost.LAN4, 5000+i), Dst: netip.AddrPortFrom(b.WestHost.LAN4, 53), Payload: make([]byte, 10)}
			if err := b.EastHost.SendUDP(within(t, 10*time.Second), d); err != nil {
				t.Fatal(err)
			}
		}
		frames := stop()
		if n := frames.Count(lab.Match{Src: lab.EastLAN4, Dst: lab.WestLAN4}); n != 0 {
			t.Errorf("%d packets in clear", n)
		}
		firsts, seconds := frames.Count(lab.Match{SPI: first.SPI}), frames.Count(lab.Match{SPI: second.SPI})
		if firsts+seconds != packets || (firsts == 0) != aside {
			t.Errorf("first SA set aside: %t: %d packets went to it, %d to the second, want %d in all", aside, firsts, seconds, packets)
		}
	}
}

// setAside sets an SA aside on East, or puts it back.
func (b bench) setAside(t *testing.T, said string, aside bool) {
	t.Helper()
	b.write(t, func(table *maps.Table) error {
		_, err := table.SetAside(parseSAID(t, said), aside)
		return err
	})
}

// A group that ends with %trap: without an SA its packets are held and an SA is requested. They leave through the SA
// that a key manager installs, and through the group's own SA as soon as it exists again. No packet is in clear.
func TestGroupTrap(t *testing.T) {
	b := newBench(t, lab.LAN)
	trap, flow := nets(lab.EastLAN4, lab.WestLAN4), nets(lab.Only(b.EastHost.LAN4), lab.Only(b.WestHost.LAN4))
	own := lab.Tunnel{From: b.East, To: b.West, SPI: 0x1000, ReqID: 9}
	sa := install(t, own)
	b.trap(t, trap, parseSAID(t, sa.TunSAID()+",%trap/failover"), 7)
	b.listen(t)
	b.startRelay(t, 5*time.Second)
	stop := b.wire(t)
	ping := func() func() lab.PingResult {
		return startPings(within(t, 90*time.Second), t, b.EastHost, lab.Ping{Dst: b.WestHost.LAN4, Count: 1, Wait: 30 * time.Second})
	}
	answered := func(what string, wait func() lab.PingResult) {
		t.Helper()
		if r := wait(); r.Received != 1 {
			t.Errorf("%s: %+v", what, r)
		}
	}
	removed := func(sa *lab.SA) {
		t.Helper()
		if err := sa.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	answered("through the group's SA", ping())
	removed(sa)
	wait := ping()
	b.waitSAID(t, flow, "%hold")
	sa = install(t, own)
	answered("held until the group's SA was back", wait)
	b.waitSAID(t, flow, "")

	removed(sa)
	wait = ping()
	b.waitSAID(t, flow, "%hold")
	other := install(t, lab.Tunnel{From: b.East, To: b.West, ReqID: 7})
	answered("held until there was another SA", wait)
	b.waitSAID(t, flow, other.TunSAID())
	install(t, own)
	b.waitSAID(t, flow, "")
	removed(other)
	answered("through the group's SA again", ping())

	frames := stop()
	if n := frames.Count(lab.Match{Src: lab.EastLAN4, Dst: lab.WestLAN4}); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
	if own, others := frames.Count(lab.Match{SPI: own.SPI}), frames.Count(lab.Match{SPI: other.SPI}); own != 3 || others != 1 {
		t.Errorf("%d packets went through the group's SA, %d through the other, want 3 and 1", own, others)
	}
}
