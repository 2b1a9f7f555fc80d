// SPDX-License-Identifier: Apache-2.0

package ns_test

import (
	"encoding/binary"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/test/lab"
)

// Many flows at once, from both CPUs: each asks exactly once, every packet is counted.
func TestTrapInParallel(t *testing.T) {
	const flows, workers, each = 200, 4, 5
	g := newGateway(t, "egress")
	f := g.families()[0]
	trap := from(f.eastNet, f.westNet, eroute.Trap)
	trap.Selector.Proto = 17
	g.only(t, trap)
	r := g.startRelay(t)
	before := g.counts(t)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range each {
				for i := range flows {
					g.sendFrom(t, f, uint32(i))
				}
			}
		})
	}
	group.Wait()
	got := g.counts(t).since(before)
	if got.Reasons["trap"] != flows || got.total() != flows*workers*each || got.Eroutes != flows*workers*each {
		t.Errorf("counted %+v, want trap %d of %d", got, flows, flows*workers*each)
	}
	r.waitFor(t, "acquire", flows)
	time.Sleep(200 * time.Millisecond)
	asked := map[string]int{}
	for _, e := range r.of("acquire") {
		asked[e.Flow.Src]++
	}
	if len(asked) != flows || len(r.of("acquire")) != flows {
		t.Errorf("%d ACQUIREs of %d flows, want %d", len(r.of("acquire")), len(asked), flows)
	}
	if n := g.holds(t); n != flows {
		t.Errorf("%d holds, want %d", n, flows)
	}
}

// A storm of sources is held to the trap's rate, and what was suppressed is counted;
// another trap is not touched by it.
func TestTrapStorm(t *testing.T) {
	const sources, rate = 5000, 100
	g := newGateway(t, "egress")
	f := g.families()[0]
	storm := from(netip.MustParsePrefix("198.18.0.0/15"), f.westNet, eroute.Trap)
	g.only(t, storm, from(f.eastNet, f.westNet, eroute.Trap))
	r := g.startRelay(t, "--rate", "100")
	before, started := g.counts(t), time.Now()
	for i := range sources {
		g.sendForged(t, f, i)
	}
	g.sendText(t, f, 4711, "another flow")
	took := time.Since(started)
	got := g.counts(t).since(before)
	most := uint64(rate + 2 + int(took.Seconds()*rate))
	if got.total() != sources+1 || got.Reasons["trap"] > most || got.Reasons["trap"] < rate ||
		got.Reasons["trap"]+got.Reasons["trap-limited"] != sources+1 {
		t.Errorf("counted %+v in %v, want %d at the rate of %d", got, took, sources, rate)
	}
	r.waitFor(t, "acquire", int(got.Reasons["trap"]))
	own := 0
	for _, e := range r.of("acquire") {
		if e.Flow.Src == lab.Only(f.eastHost).String() {
			own++
		}
	}
	if own != 1 {
		t.Errorf("the other trap asked %d times, want once", own)
	}
	if n := g.holds(t); n != int(got.Reasons["trap"]) {
		t.Errorf("%d holds, want %d", n, got.Reasons["trap"])
	}
}

// With the ring buffer full no hold is made, and the packet is counted for it; once
// there is room the next packet asks.
func TestQueueFull(t *testing.T) {
	g := newGateway(t, "egress")
	f := g.families()[0]
	g.only(t, from(netip.MustParsePrefix("198.18.0.0/15"), f.westNet, eroute.Trap))
	r := g.startRelay(t, "--rate", "1000000")
	stop(t, r, syscall.SIGSTOP)
	before := g.counts(t)
	i := 0
	for ; g.counts(t).since(before).Reasons["trap-queue-full"] == 0; i += 500 {
		if !g.relayRuns(t) {
			t.Skip()
		}
		for j := range 500 {
			g.sendForged(t, f, i+j)
		}
	}
	got := g.counts(t).since(before)
	if n := g.holds(t); n != int(got.Reasons["trap"]) || got.total() != uint64(i) {
		t.Errorf("%d holds of %d packets, counted %+v", n, i, got)
	}
	stop(t, r, syscall.SIGCONT)
	r.waitFor(t, "acquire", int(got.Reasons["trap"]))
	g.waitForRelay(t)
	before = g.counts(t)
	g.sendForged(t, f, 1<<17-1)
	g.counted(t, before, reason("trap", 1))
}

func stop(t *testing.T, r *relay, s syscall.Signal) {
	t.Helper()
	if err := r.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// sendFrom sends a datagram to WestHost, from another address of EastHost's network for
// each number, by East itself.
func (g *gateway) sendFrom(t *testing.T, f family, number uint32) {
	a := f.eastNet.Addr().As4()
	a[3] = byte(10 + number)
	g.sendRaw(t, netip.AddrFrom4(a), f.westHost)
}

// sendForged sends a datagram to WestHost, from one of the 131072 addresses of 198.18.0.0/15.
func (g *gateway) sendForged(t *testing.T, f family, number int) {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 198<<24|18<<16|uint32(number))
	g.sendRaw(t, netip.AddrFrom4(a), f.westHost)
}

func (g *gateway) sendRaw(t *testing.T, src, dst netip.Addr) {
	ip := &layers.IPv4{Version: 4, TTL: 64, Protocol: layers.IPProtocolUDP, SrcIP: src.AsSlice(), DstIP: dst.AsSlice()}
	udp := &layers.UDP{SrcPort: 4711, DstPort: 53}
	if err := udp.SetNetworkLayerForChecksum(ip); err != nil {
		t.Error(err)
		return
	}
	packet, err := lab.Build(ip, udp, gopacket.Payload("into the trap"))
	if err == nil {
		err = g.EastHost.SendIP(lab.LAN, packet)
	}
	if err != nil {
		t.Error(err)
	}
}
