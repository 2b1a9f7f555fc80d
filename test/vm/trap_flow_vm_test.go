// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// The flow of a trap with --acquire-spread flow uses both SAs that fit it. When one is deleted under traffic, its packets
// go to the other one at once: none is in clear, and at most one is lost.
//
//vm:alone
func TestTrapByFlow(t *testing.T) {
	b := newBench(t)
	params := eroute.DefaultAcquire
	params.ReqID, params.Spread = 7, eroute.SpreadFlow
	b.apply(t, eroute.Change{Op: eroute.OpAdd, Selector: nets(lab.EastLAN4, lab.WestLAN4), SAID: eroute.Trap, Acquire: params})
	b.listen(t)
	relay := b.startRelay(t, time.Minute)
	src, dst := b.EastHost.LAN4, b.WestHost.LAN4
	flow := nets(lab.Only(src), lab.Only(dst))
	sent := 0
	send := func() {
		t.Helper()
		d := lab.Datagram{Src: netip.AddrPortFrom(src, uint16(1000+sent%100)), Dst: netip.AddrPortFrom(dst, 53)}
		if err := b.EastHost.SendUDP(within(t, 10*time.Second), d); err != nil {
			t.Fatal(err)
		}
		sent++
	}
	stop := b.wire(t)
	send()
	b.waitSAID(t, flow, "%hold")
	first := install(t, lab.Tunnel{From: b.East, To: b.West, ReqID: params.ReqID})
	b.waitSAID(t, flow, first.TunSAID())
	second := install(t, lab.Tunnel{From: b.East, To: b.West, ReqID: params.ReqID})
	both := []*lab.SA{first, second}
	slices.SortFunc(both, func(x, y *lab.SA) int { return int(x.SPI) - int(y.SPI) })
	b.waitSAID(t, flow, both[0].TunSAID()+","+both[1].TunSAID()+"/flow")
	before := b.carried(t, both...)
	const packets = 200
	for range packets {
		send()
	}
	after := b.carried(t, both...)
	for i := range both {
		if n := after[i] - before[i]; n < packets/4 || n > packets*3/4 {
			t.Errorf("%s carried %d of %d packets", both[i].SAID(), n, packets)
		}
	}
	for i := range packets {
		if i == packets/2 {
			ip(t, b.East, "xfrm state delete "+identity(both[0]))
		}
		send()
	}
	b.waitSAID(t, flow, both[1].TunSAID())
	for range packets {
		send()
	}
	frames := stop()
	if n := frames.Count(lab.Match{Src: lab.Only(src), Dst: lab.Only(dst), Proto: layers.IPProtocolUDP}); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
	carried := frames.Count(lab.Match{SPI: both[0].SPI}) + frames.Count(lab.Match{SPI: both[1].SPI})
	if carried > sent || carried < sent-1 {
		t.Errorf("the SAs carried %d of %d packets", carried, sent)
	}
	relay.checkNothingLost(t)
	if log := relay.String(); !strings.Contains(log, "/flow") {
		t.Errorf("no group in the relay's log:\n%s", log)
	}
	_ = both[0].Remove() // East's state is gone
}
