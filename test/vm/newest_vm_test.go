// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// startCharons runs strongSwan on both gateways, with these additional settings of the child.
func (b bench) startCharons(t *testing.T, child string) {
	t.Helper()
	run(t, &lab.Charon{Node: b.West, Peer: b.East, Local: lab.WestLAN4, Far: lab.EastLAN4, Trap: true, Child: child})
	run(t, &lab.Charon{Node: b.East, Peer: b.West, Local: lab.EastLAN4, Far: lab.WestLAN4, ReqID: 7, Trap: true, Child: child})
}

// strongSwan with per_cpu_sas answers the ACQUIREs of a trap by CPU: first with an SA for any CPU, then with one for each
// CPU that has packets, which these then use. No packet is in clear, and at most one is lost.
func TestNewestPerCPU(t *testing.T) {
	const patience = 60 * time.Second
	b := byCPU{bench: newBench(t)}
	b.from, b.src, b.dst = b.EastHost, b.EastHost.LAN4, b.WestHost.LAN4
	params := eroute.DefaultAcquire
	params.ReqID, params.Spread = 7, eroute.SpreadCPU
	b.apply(t, eroute.Change{Op: eroute.OpAdd, Selector: nets(lab.EastLAN4, lab.WestLAN4), SAID: eroute.Trap, Acquire: params})
	b.startCharons(t, "per_cpu_sas = yes")
	relay := b.startRelay(t, patience)

	stop, sent := b.wire(t), 1
	b.sendOn(t, 0, 1, 10) // a hold keeps two packets
	const cpus = 2
	var group eroute.SAID
	for ctx := within(t, patience); len(group.SAs()) != cpus+1; time.Sleep(50 * time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("the flow goes to %s", group)
		}
		if group = b.said(t, b.selector()); group == eroute.Hold || group == (eroute.SAID{}) {
			continue
		}
		for cpu := range cpus {
			b.sendOn(t, cpu, 1, 10)
			sent++
		}
	}
	t.Logf("after %d packets: %s", sent, group)
	before := b.states(t, group.SAs()...)
	const packets = 50
	for cpu := range cpus {
		b.sendOn(t, cpu, packets*(cpu+1), 10)
		sent += packets * (cpu + 1)
	}
	frames := stop()
	for i, s := range b.states(t, group.SAs()...) {
		n, want := s.Packets-before[i].Packets, uint64(0)
		if s.OneCPU {
			want = packets * uint64(s.CPU+1)
		}
		if n != want {
			t.Errorf("the SA of CPU %d (one CPU: %v) carried %d packets, want %d", s.CPU, s.OneCPU, n, want)
		}
	}
	carried := 0
	for _, s := range before {
		carried += frames.Count(lab.Match{SPI: s.SPI})
	}
	if carried > sent || carried < sent-1 {
		t.Errorf("the SAs carried %d of %d packets", carried, sent)
	}
	if n := frames.Count(lab.Match{Src: lab.Only(b.src), Dst: lab.Only(b.dst), Proto: layers.IPProtocolUDP}); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
	relay.checkNothingLost(t)
	t.Logf("%d of %d packets carried", carried, sent)
}
