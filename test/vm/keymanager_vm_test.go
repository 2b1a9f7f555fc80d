// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// keyManager is a key manager that the tests run on both gateways. reqid is that of East's trap; with 0 the
// key manager's policy selects the SA.
type keyManager struct {
	name       string
	reqid      uint32
	east, west func(bench) lab.KeyManager // east receives ACQUIREs, west responds
}

var keyManagers = []keyManager{
	{
		name: "charon", reqid: 7,
		east: func(b bench) lab.KeyManager {
			return &lab.Charon{Node: b.East, Peer: b.West, Local: lab.EastLAN4, Far: lab.WestLAN4, ReqID: 7, Trap: true}
		},
		west: func(b bench) lab.KeyManager {
			return &lab.Charon{Node: b.West, Peer: b.East, Local: lab.WestLAN4, Far: lab.EastLAN4}
		},
	},
	{
		name: "pluto",
		east: func(b bench) lab.KeyManager {
			return &lab.Pluto{Node: b.East, Peer: b.West, Local: lab.EastLAN4, Far: lab.WestLAN4, Trap: true}
		},
		west: func(b bench) lab.KeyManager {
			return &lab.Pluto{Node: b.West, Peer: b.East, Local: lab.WestLAN4, Far: lab.EastLAN4}
		},
	},
}

// run runs a key manager until the test ends.
func run(t *testing.T, k lab.KeyManager) lab.KeyManager {
	t.Helper()
	if err := k.Start(within(t, 60*time.Second)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Stop(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("key manager:\n%s", k.Log())
		}
	})
	return k
}

// pingOnce pings from one host to the other with a long timeout.
func (b bench) pingOnce(t *testing.T, wait time.Duration) int {
	t.Helper()
	r, err := b.EastHost.Ping(within(t, time.Minute), lab.Ping{Dst: b.WestHost.LAN4, Count: 1, Wait: wait})
	if err != nil {
		t.Error(err)
	}
	return r.Received
}

//
//vm:alone
func TestKeyManagers(t *testing.T) {
	for _, k := range keyManagers {
		t.Run(k.name, func(t *testing.T) { testTrapAndRekey(t, k) })
	}
}

func TestPeerDown(t *testing.T) {
	for _, k := range keyManagers {
		t.Run(k.name, func(t *testing.T) { testPeerDown(t, k) })
	}
}

// With the peer down the hold is reaped, and no packet leaves; once it is up the trap works.
func testPeerDown(t *testing.T, k keyManager) {
	b := newBench(t, lab.LAN)
	b.trap(t, nets(lab.EastLAN4, lab.WestLAN4), eroute.Trap, k.reqid)
	run(t, k.east(b))
	b.startRelay(t, 5*time.Second)
	stop := b.wire(t)
	flow := nets(lab.Only(b.EastHost.LAN4), lab.Only(b.WestHost.LAN4))
	if b.pingOnce(t, 500*time.Millisecond) != 0 {
		t.Error("a ping was answered with the peer down")
	}
	b.waitSAID(t, flow, "%hold")
	b.waitSAID(t, flow, "")
	run(t, k.west(b))
	// A key manager ends the first attempt before it starts another.
	for ctx := within(t, time.Minute); b.pingOnce(t, 2*time.Second) != 1; {
		if ctx.Err() != nil {
			t.Fatal("no ping was answered with the peer up")
		}
	}
	frames := stop()
	if n := frames.Count(lab.Match{Src: lab.EastLAN4, Dst: lab.WestLAN4}); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
}

// The first ping into a trap makes the key managers negotiate, is held, and is answered; later packets are
// ESP, also through a rekey. After the SAs are deleted the trap works again.
func testTrapAndRekey(t *testing.T, k keyManager) {
	const count, patience = 1000, 40 * time.Second // with key managers on a busy machine
	b := newBench(t, lab.LAN)
	trap := nets(lab.EastLAN4, lab.WestLAN4)
	b.trap(t, trap, eroute.Trap, k.reqid)
	run(t, k.west(b))
	east := run(t, k.east(b))
	relay := b.startRelay(t, patience)
	stop := b.wire(t)
	flow := nets(lab.Only(b.EastHost.LAN4), lab.Only(b.WestHost.LAN4))

	if b.pingOnce(t, patience) != 1 {
		t.Fatal("the first ping was not answered")
	}
	first := b.said(t, flow)
	if first.Proto != eroute.ProtoTun || first.Dst != b.West.WAN4 {
		t.Errorf("the flow goes to %s", first)
	}

	held := b.reasons(t)["hold"]
	wait := startPings(within(t, 90*time.Second), t, b.EastHost, lab.Ping{
		Dst: b.WestHost.LAN4, Count: count, Interval: 10 * time.Millisecond, Wait: 10 * time.Second,
	})
	time.Sleep(2 * time.Second)
	if err := east.Rekey(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	r := wait()
	// Pluto's responder uses the new SA before this side has its keys: XFRM drops these packets on input,
	// and no others may be lost.
	refused := kernelErrors(t, b.East)
	early := refused["XfrmInNoStates"] + refused["XfrmAcquireError"]
	if r.Received+early != count {
		t.Errorf("pings during the rekey: %d of %d answered, %d answers came before their SA", r.Received, count, early)
	}
	t.Logf("pings during the rekey: %d of %d answered, %d answers came before their SA, the slowest %+v", r.Received, count, early, r.Slowest())
	if b.reasons(t)["hold"] == held { // no packet passed the relay, which could have changed the order
		r.Answers = []lab.PingAnswer{r.Slowest()}
	}
	checkInOrder(t, r, orderPatience)
	if second := b.said(t, flow); second == first || second.Proto != eroute.ProtoTun {
		t.Errorf("after the rekey the flow goes to %s, before to %s", second, first)
	}

	if err := east.Terminate(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	b.waitSAID(t, flow, "")
	if b.pingOnce(t, patience) != 1 {
		t.Error("the ping was not answered after the SAs had gone")
	}
	relay.checkNothingLost(t)
	frames := stop()
	if n := frames.Count(lab.Match{Src: lab.EastLAN4, Dst: lab.WestLAN4}) + frames.Count(lab.Match{Src: lab.WestLAN4, Dst: lab.EastLAN4}); n != 0 {
		t.Errorf("%d packets in clear", n)
	}
	if n := frames.Count(lab.Match{Proto: layers.IPProtocolUDP}); n == 0 {
		t.Error("no IKE on the wire")
	}
	t.Logf("counted %v", b.reasons(t))
}

// kernelErrors returns XFRM's counters on a node that are not zero.
func kernelErrors(t *testing.T, n *lab.Node) map[string]int {
	t.Helper()
	counters := make(map[string]int)
	err := n.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/xfrm_stat")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) != 2 {
				return fmt.Errorf("xfrm_stat: %q", line)
			}
			n, err := strconv.Atoi(f[1])
			if err != nil {
				return err
			}
			if n != 0 {
				counters[f[0]] = n
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return counters
}

// said returns the SAID of the eroute with this selector.
func (b bench) said(t *testing.T, s eroute.Selector) (said eroute.SAID) {
	t.Helper()
	b.read(t, func(table *maps.Table) error {
		for e, err := range table.All() {
			if err != nil {
				return err
			}
			if e.Selector == s {
				said = e.SAID
			}
		}
		return nil
	})
	return said
}
