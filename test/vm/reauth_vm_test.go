// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Under pings, the SA is deleted and the next one installed shortly afterwards, repeatedly, as in a
// break-before-make re-authentication: all packets arrive in order, and none is lost but those that XFRM drops
// because their SA is deleted between the program and XFRM.
//
//vm:alone
func TestRekeyKeepsOrder(t *testing.T) {
	const rounds, count, interval, gap = 2, 300, 50 * time.Millisecond, 150 * time.Millisecond
	b := newBench(t, lab.LAN)
	b.trap(t, nets(lab.EastLAN4, lab.WestLAN4), eroute.Trap, 7)
	b.listen(t)
	relay := b.startRelay(t, 5*time.Second)
	flow := nets(lab.Only(b.EastHost.LAN4), lab.Only(b.WestHost.LAN4))
	tunnel := lab.Tunnel{From: b.East, To: b.West, ReqID: 7}
	sa := installUntilDeleted(t, tunnel)
	if b.pingOnce(t, 10*time.Second) != 1 {
		t.Fatal("the first ping was not answered")
	}
	wait := startPings(within(t, 90*time.Second), t, b.EastHost, lab.Ping{Dst: b.WestHost.LAN4, Count: count, Interval: interval, Wait: 10 * time.Second})
	for range rounds {
		time.Sleep(500 * time.Millisecond)
		ip(t, b.East, "xfrm state delete "+identity(sa))
		time.Sleep(gap)
		next := installUntilDeleted(t, tunnel)
		b.waitSAID(t, flow, next.TunSAID())
		ip(t, b.West, "xfrm state delete "+identity(sa))
		sa = next
	}
	r := wait()
	ip(t, b.East, "xfrm state delete "+identity(sa))
	ip(t, b.West, "xfrm state delete "+identity(sa))
	if dropped := b.droppedByXFRM(t); r.Received < count-dropped || dropped > rounds {
		t.Errorf("%d of %d pings answered, %d dropped by XFRM", r.Received, count, dropped)
	}
	checkInOrder(t, r, 10*time.Second) // installing an SA takes long on a busy machine
	relay.checkNothingLost(t)
	t.Logf("the slowest answer %+v", r.Slowest())
}

// charons are strongSwan on both gateways, with a trap on East that uses the policy's reqid.
func (b bench) charons(connection string) (east, west *lab.Charon) {
	east = &lab.Charon{Node: b.East, Peer: b.West, Local: lab.EastLAN4, Far: lab.WestLAN4, Trap: true, Connection: connection}
	return east, &lab.Charon{Node: b.West, Peer: b.East, Local: lab.WestLAN4, Far: lab.EastLAN4}
}

// droppedByXFRM returns the number of packets that XFRM has dropped on both gateways.
func (b bench) droppedByXFRM(t *testing.T) (dropped int) {
	t.Helper()
	for _, n := range []*lab.Node{b.East, b.West} {
		errs := kernelErrors(t, n)
		t.Logf("%s: %v", n.Name, errs)
		for _, n := range errs {
			dropped += n
		}
	}
	return dropped
}

var everything = nets(netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("0.0.0.0/0"))

// One trap for everything, without a reqid, makes strongSwan negotiate: the relay uses the reqid of
// strongSwan's own policy for the flow. A re-authentication, which is break-before-make, then loses nothing
// in the relay: missing packets were dropped by XFRM after the SA was deleted.
//
//vm:alone
func TestReauthentication(t *testing.T) {
	const count, interval, patience = 200, 20 * time.Millisecond, 40 * time.Second
	b := newBench(t, lab.LAN)
	b.trap(t, everything, eroute.Trap, 0)
	east, west := b.charons("")
	run(t, west)
	run(t, east)
	relay := b.startRelay(t, patience)
	if b.pingOnce(t, patience) != 1 {
		t.Fatal("the first ping was not answered")
	}
	wait := startPings(within(t, 90*time.Second), t, b.EastHost, lab.Ping{Dst: b.WestHost.LAN4, Count: count, Interval: interval, Wait: 10 * time.Second})
	time.Sleep(500 * time.Millisecond)
	if err := east.Reauthenticate(within(t, 30*time.Second)); err != nil {
		t.Error(err)
	}
	r := wait()
	dropped := b.droppedByXFRM(t)
	if r.Received < count-dropped {
		t.Errorf("%d of %d pings answered, %d dropped by XFRM", r.Received, count, dropped)
	}
	checkInOrder(t, r, 10*time.Second) // key managers on a busy machine
	relay.checkNothingLost(t)
	t.Logf("%d of %d pings answered, %d late, the slowest %+v", r.Received, count, r.Late(), r.Slowest())
	if b.pingOnce(t, patience) != 1 {
		t.Error("no answer after the re-authentication")
	}
}

// The peer fails and dead-peer detection ends the SA; under traffic the relay sends ACQUIREs for the flow
// repeatedly, and it works as soon as the peer is back.
func TestPeerReturns(t *testing.T) {
	const patience = 60 * time.Second
	b := newBench(t, lab.LAN)
	b.trap(t, everything, eroute.Trap, 0)
	east, west := b.charons("dpd_delay = 1s")
	run(t, west)
	run(t, east)
	b.startRelay(t, 15*time.Second) // longer than a negotiation takes on a busy machine
	if b.pingOnce(t, patience) != 1 {
		t.Fatal("the first ping was not answered")
	}
	first := b.said(t, nets(lab.Only(b.EastHost.LAN4), lab.Only(b.WestHost.LAN4)))
	if err := west.Kill(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	ip(t, b.West, "xfrm state flush")
	ip(t, b.West, "xfrm policy flush")
	flow := nets(lab.Only(b.EastHost.LAN4), lab.Only(b.WestHost.LAN4))
	for ctx := within(t, patience); b.said(t, flow) == first; {
		if ctx.Err() != nil {
			t.Fatal("the SA outlives its peer")
		}
		b.pingOnce(t, 200*time.Millisecond)
	}
	_, again := b.charons("")
	run(t, again)
	for ctx := within(t, patience); b.pingOnce(t, time.Second) != 1; {
		if ctx.Err() != nil {
			t.Fatal("no ping was answered with the peer back")
		}
	}
	if second := b.said(t, flow); second == first || second.Proto != eroute.ProtoTun {
		t.Errorf("the flow goes to %s, before to %s", second, first)
	}
}
