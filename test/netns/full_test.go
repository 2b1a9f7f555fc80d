// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// flowsOf opens the map of flows that contains this flow: other tables have such a map, too.
func flowsOf(t *testing.T, src netip.Addr) (*ebpf.Map, bpf.ABIFlowKey) {
	t.Helper()
	for id, err := ebpf.MapGetNextID(0); err == nil; id, err = ebpf.MapGetNextID(id) {
		m, err := ebpf.NewMapFromID(id)
		if err != nil {
			continue // deleted meanwhile
		}
		var key bpf.ABIFlowKey
		if info, err := m.Info(); err == nil && info.Name == "eroute_flows" && m.NextKey(nil, &key) == nil &&
			[4]byte(key.Src[:4]) == src.As4() {
			t.Cleanup(func() { _ = m.Close() })
			return m, key
		}
		_ = m.Close()
	}
	t.Fatal("no map has the flow")
	return nil, bpf.ABIFlowKey{}
}

// With the table of holds full the packet is dropped and counted under that reason, and no ACQUIRE is sent;
// once there is space the trap works again.
func TestHoldsFull(t *testing.T) {
	g := newGateway(t, "egress")
	f := g.families()[0]
	g.believeForged(t)
	trap := from(forged, f.westNet, eroute.Trap)
	g.only(t, trap)
	r, sender := g.startRelay(t, "--hold-lifetime", "600"), g.forger(t, f)
	sender.send(t, forgedAddr(0), 10)
	r.waitFor(t, "acquire", 1)

	flows, key := flowsOf(t, forgedAddr(0))
	var value bpf.ABIFlow
	if err := flows.Lookup(&key, &value); err != nil {
		t.Fatal(err)
	}
	keys := make([]bpf.ABIFlowKey, flows.MaxEntries()-1)
	values := make([]bpf.ABIFlow, len(keys))
	for i := range keys {
		keys[i], values[i] = key, value
		copy(keys[i].Src[:], forgedAddr(i%(1<<17)).AsSlice())
		keys[i].Dst[3] += uint8(1 + i/(1<<17))
	}
	if n, err := flows.BatchUpdate(keys, values, nil); err != nil || n != len(keys) {
		t.Fatalf("%d holds made: %v", n, err)
	}

	before, last := g.counts(t), forgedAddr(1)
	sender.send(t, last, 10)
	g.counted(t, before, reason("trap-holds-full", 1))
	if n := len(r.of("acquire")); n != 1 {
		t.Errorf("%d ACQUIREs, want 1", n)
	}

	trap.Op = eroute.OpReplace // ends its flows
	if err := g.apply(trap); err != nil {
		t.Fatal(err)
	}
	before = g.counts(t)
	sender.send(t, last, 10)
	g.counted(t, before, reason("trap", 1))
	r.waitFor(t, "acquire", 2)
}

// A relay that is killed repeatedly at random times under traffic: no packet passes, each is counted once,
// and the next relay takes over the existing holds.
func TestRelayKilledRepeatedly(t *testing.T) {
	const rounds, flows = 12, 40
	g := newGateway(t, "egress")
	f := g.families()[0]
	g.believeForged(t)
	trap := from(forged, f.westNet, eroute.Trap)
	g.only(t, trap)
	sender, wire, before := g.forger(t, f), g.watchWire(t), g.counts(t)
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	sent := uint64(0)
	for range rounds {
		r := g.startRelay(t)
		killed := time.AfterFunc(time.Duration(random.IntN(60))*time.Millisecond, func() { _ = r.cmd.Process.Signal(syscall.SIGKILL) })
		for i := range flows * 10 {
			sender.send(t, forgedAddr(random.IntN(flows)), 10)
			sent++
			if i%20 == 0 {
				time.Sleep(3 * time.Millisecond)
			}
		}
		killed.Stop()
		r.stop(t, syscall.SIGKILL)
	}
	if got := g.settled(t, before, sent); got.total() != sent {
		t.Errorf("counted %+v, sent %d", got, sent)
	}
	wire(0)
	holds, last := g.holds(t), g.startRelay(t)
	if picked := len(last.waitFor(t, "hold", holds)); holds == 0 || picked != holds {
		t.Errorf("%d holds picked up, want %d", picked, holds)
	}
	trap.Op, trap.SAID = eroute.OpReplace, eroute.Drop
	if err := g.apply(trap); err != nil {
		t.Fatal(err)
	}
	if n := g.holds(t); n != 0 {
		t.Errorf("%d holds left", n)
	}
}

// A relay makes no holds while no key manager listens: nothing could answer them.
func TestTrapWithoutKeyManager(t *testing.T) {
	g := newGateway(t, "egress")
	f := g.families()[0]
	g.only(t, from(f.eastNet, f.westNet, eroute.Trap))
	path := testenv.Ipsec(t)
	start := func(name string, args ...string) {
		cmd := g.East.Command(t.Context(), name, args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// The lease of a killed relay would still be valid when the next test begins.
		t.Cleanup(func() { _ = cmd.Process.Signal(syscall.SIGTERM); _ = cmd.Wait() })
	}
	start(path, "acquire")
	time.Sleep(2 * time.Second)
	before := g.counts(t)
	g.sendText(t, f, 4711, "no key manager")
	g.counted(t, before, reason("trap-no-relay", 1))
	start("ip", "xfrm", "monitor", "acquire")
	g.waitForRelay(t)
	before = g.counts(t)
	g.sendText(t, f, 4711, "key manager")
	g.counted(t, before, reason("trap", 1))
}
