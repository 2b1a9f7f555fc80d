// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// Many flows at once, from both CPUs: each sends exactly one ACQUIRE, every packet is counted.
func TestTrapInParallel(t *testing.T) {
	const flows, workers, each = 200, 4, 5
	g := newGateway(t, "egress")
	f := g.families()[0]
	g.believeForged(t)
	g.only(t, from(forged, f.westNet, eroute.Trap))
	r, sender := g.startRelay(t), g.forger(t, f)
	before := g.counts(t)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for range each {
				for i := range flows {
					sender.send(t, forgedAddr(i), 10)
				}
			}
		})
	}
	group.Wait()
	got := g.settled(t, before, flows*workers*each)
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

// A flood of sources is limited to the trap's rate, and suppressed packets are counted; another trap is not
// affected.
func TestTrapStorm(t *testing.T) {
	const sources, rate = 50000, 100
	g := newGateway(t, "egress")
	f := g.families()[0]
	g.believeForged(t)
	g.only(t, from(forged, f.westNet, eroute.Trap), from(f.eastNet, f.westNet, eroute.Trap))
	r, sender := g.startRelay(t, "--rate", "100"), g.forger(t, f)
	before, started := g.counts(t), time.Now()
	for i := range sources {
		sender.send(t, forgedAddr(i), 10)
	}
	g.sendText(t, f, 4711, "another flow")
	got := g.settled(t, before, sources+1)
	took := time.Since(started)
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

// With the ring buffer full no hold is made, and the packet is counted under that reason; once there is space
// the next packet sends an ACQUIRE.
func TestQueueFull(t *testing.T) {
	g := newGateway(t, "egress")
	f := g.families()[0]
	g.believeForged(t)
	g.only(t, from(forged, f.westNet, eroute.Trap))
	r, sender := g.startRelay(t, "--rate", "1000000"), g.forger(t, f)
	g.pause(t, r)
	before := g.counts(t)
	i := 0
	for ; g.counts(t).since(before).Reasons["trap-queue-full"] == 0; i += 500 {
		if 1000*i > 4*int(bpf.ABILimitsEVENTS_SIZE) {
			t.Fatalf("the queue holds %d packets and more", i)
		}
		for j := range 500 {
			sender.send(t, forgedAddr(i+j), 1000)
		}
	}
	got := g.settled(t, before, uint64(i))
	if n := g.holds(t); n != int(got.Reasons["trap"]) || got.total() != uint64(i) {
		t.Errorf("%d holds of %d packets, counted %+v", n, i, got)
	}
	proceed(t, r)
	r.waitFor(t, "acquire", int(got.Reasons["trap"]))
	g.waitForRelay(t)
	before = g.counts(t)
	sender.send(t, forgedAddr(1<<17-1), 1000)
	g.counted(t, before, reason("trap", 1))
}

// pause stops a relay while it does not hold the table's lock. Its lease stays valid for the programs until
// it continues.
func (g *gateway) pause(t *testing.T, r *relay) {
	t.Helper()
	err := g.write(func(table *maps.Table) error {
		if err := r.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		var status unix.Siginfo
		if err := unix.Waitid(unix.P_PID, r.cmd.Process.Pid, &status, unix.WSTOPPED|unix.WNOWAIT, nil); err != nil {
			return err
		}
		var relay bpf.ABIRelay
		if err := table.Map("eroute_relay").Lookup(uint32(0), &relay); err != nil {
			return err
		}
		relay.AliveUntil = math.MaxUint64
		return table.Map("eroute_relay").Put(uint32(0), relay)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func proceed(t *testing.T, r *relay) {
	t.Helper()
	if err := r.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
}

// forger sends datagrams to WestHost from any source, through EastHost's interface.
type forger struct {
	g  *gateway
	f  family
	fd int
	to *unix.SockaddrLinklayer
}

func (g *gateway) forger(t *testing.T, f family) *forger {
	t.Helper()
	s := &forger{g: g, f: f}
	err := g.EastHost.Do(func() error {
		dev, err := net.InterfaceByName(lab.Eth0)
		if err != nil {
			return err
		}
		s.to = &unix.SockaddrLinklayer{Ifindex: dev.Index}
		s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(s.fd) })
	return s
}

// send sends one datagram of that many bytes.
func (s *forger) send(t *testing.T, src netip.Addr, size int) {
	packet, err := lab.Build(header(src, s.f.westHost, layers.IPProtocolUDP, nil), &layers.UDP{SrcPort: 4711, DstPort: 53}, gopacket.Payload(make([]byte, size)))
	if err == nil {
		packet, err = s.g.EastHost.Frame(lab.Eth0, 0, packet)
	}
	if err == nil {
		err = unix.Sendto(s.fd, packet, 0, s.to)
	}
	if err != nil {
		t.Error(err)
	}
}

// forged is an unused network, whose sources East accepts; the i-th of its 131072 addresses.
var forged = netip.MustParsePrefix("198.18.0.0/15")

func forgedAddr(i int) netip.Addr {
	var a [4]byte
	binary.BigEndian.PutUint32(a[:], 198<<24|18<<16|uint32(i))
	return netip.AddrFrom4(a)
}

func (g *gateway) believeForged(t *testing.T) {
	t.Helper()
	if err := g.East.Route(forged, lab.LAN); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.East.Unroute(forged, lab.LAN); err != nil {
			t.Error(err)
		}
	})
}
