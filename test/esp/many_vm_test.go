// SPDX-License-Identifier: Apache-2.0

//go:build vm

package esp

import (
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/test/lab"
)

// Of many SAs to one peer, each packet goes through that of its eroute.
func TestManySAs(t *testing.T) {
	const count = 200
	b := newBench(t)
	network := netip.MustParsePrefix("198.18.0.0/16")
	if err := b.East.Route(network, virtual); err != nil {
		t.Fatal(err)
	}
	ip(t, b.West, "route add blackhole "+network.String()) // nobody there, and nobody says so
	var changes []eroute.Change
	var sas []*lab.SA
	dst := network.Addr()
	for i := range count {
		dst = dst.Next()
		sas = append(sas, install(t, lab.Tunnel{From: b.East, To: b.West, SPI: uint32(0x1000 + i), ReqID: uint32(i % 3)}))
		changes = append(changes, eroute.Change{
			Op: eroute.OpAdd, Selector: nets(lab.EastLAN4, lab.Only(dst)), SAID: parseSAID(t, sas[i].TunSAID()),
		})
	}
	b.apply(t, changes...)
	t.Cleanup(func() { b.apply(t, eroute.Change{Op: eroute.OpClear}) })

	stop := b.wire(t)
	packets := func(i int) int { return 1 + i%3 }
	for i, c := range changes {
		for range packets(i) {
			d := lab.Datagram{Dst: netip.AddrPortFrom(c.Selector.Dst.Addr(), 9), Payload: []byte(lab.Marker)}
			if err := b.EastHost.SendUDP(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := 0; i < count; i += 20 {
		s := changes[i].Selector
		if n := b.eroute(t, s).Packets; n != uint64(packets(i)) {
			t.Errorf("the eroute to %s counted %d packets, want %d", s.Dst, n, packets(i))
		}
	}
	frames := stop()
	checkOnly(t, frames, layers.IPProtocolESP)
	for i, sa := range sas {
		if n := frames.Count(lab.Match{SPI: sa.SPI}); n != packets(i) {
			t.Errorf("%d frames of SPI %#x, want %d", n, sa.SPI, packets(i))
		}
	}
}
