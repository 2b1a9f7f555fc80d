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
)

// A group of SAs with real ESP: flows are shared out and keep their order; the end of an SA under traffic, without any
// command, loses at most the packet on its way, and sends none in clear.
func TestGroup(t *testing.T) {
	for _, spread := range []string{"flow", "failover"} {
		for _, watched := range []bool{true, false} {
			name := spread + map[bool]string{true: "/watched", false: "/routed"}[watched]
			t.Run(name, func(t *testing.T) { testGroup(t, spread, watched) })
		}
	}
}

func testGroup(t *testing.T, spread string, watched bool) {
	const streams, rate = 8, 50
	b := newLab(t)
	if watched {
		b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN})
	} else {
		b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN, Routed: true})
		b.routeLANs(t)
	}
	first, err := lab.Tunnel{From: b.East, To: b.West}.Install() // its state ends below
	if err != nil {
		t.Fatal(err)
	}
	second := install(t, lab.Tunnel{From: b.East, To: b.West})
	s := nets(lab.EastLAN4, lab.WestLAN4)
	b.add(t, s, strings.Join([]string{first.TunSAID(), second.TunSAID()}, ",")+"/"+spread)

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
	time.Sleep(2 * time.Second)
	before := stop()
	stop = b.wire(t)
	ip(t, b.East, "xfrm state delete "+identity(first))
	time.Sleep(2 * time.Second)
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
	if n := after.Count(lab.Match{SPI: second.SPI}); n < streams*rate {
		t.Errorf("%d packets went to the second SA after the end of the first", n)
	}
	t.Logf("%d of %d datagrams arrived; while both SAs were there %d went to the first and %d to the second", arrived, sent, firsts, seconds)
}
