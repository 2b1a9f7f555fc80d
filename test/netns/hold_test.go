// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	table "github.com/ipsec-eroute/eroute/pkg/maps"
)

func (g *gateway) holds(t *testing.T) (n int) {
	t.Helper()
	g.read(t, func(tab *table.Table) error {
		s, err := tab.Stats()
		n = s.Holds
		return err
	})
	return n
}

// A %hold of the table keeps packets, too: they are re-sent when it is replaced, and discarded when it is
// deleted, even if a less specific eroute would pass them.
func TestHoldEroute(t *testing.T) {
	g := newGateway(t, "egress")
	f := g.families()[0]
	echo, err := g.WestHost.EchoUDP(within(t, 30*time.Second), netip.AddrPortFrom(f.westHost, 53))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = echo.Close() }()
	hold := from(lab.Only(f.eastHost), lab.Only(f.westHost), eroute.Hold)
	g.only(t, from(f.eastNet, f.westNet, eroute.Pass), hold)
	r := g.startRelay(t, "--metrics", relayMetrics)
	g.sendText(t, f, 4711, "given up")
	g.waitStored(t, f, "given up")
	if err := g.apply(eroute.Change{Op: eroute.OpDel, Selector: hold.Selector}); err != nil {
		t.Fatal(err)
	}
	if lost := r.waitFor(t, "lost", 1)[0]; lost.Packets != 1 || lost.Detail != "deleted" {
		t.Errorf("lost %+v", lost)
	}
	if err := g.apply(hold); err != nil {
		t.Fatal(err)
	}
	g.sendText(t, f, 4711, "sent on")
	g.waitStored(t, f, "sent on")
	if err := g.apply(from(lab.Only(f.eastHost), lab.Only(f.westHost), eroute.Pass)); err != nil {
		t.Fatal(err)
	}
	r.waitFor(t, "release", 1)
	eventually(t, func() bool { return len(echo.Received()) > 0 })
	if got := echo.Received(); len(got) != 1 || string(got[0].Payload) != "sent on" {
		t.Errorf("received %q", got)
	}
}

// A hold without traffic and answer ends, and the trap works again.
func TestReap(t *testing.T) {
	g := newGateway(t, "egress")
	f := g.families()[1]
	g.only(t, from(f.eastNet, f.westNet, eroute.Trap))
	r := g.startRelay(t, "--hold-lifetime", "1")
	for round := 1; round <= 2; round++ {
		g.sendText(t, f, 4711, "into the trap")
		r.waitFor(t, "acquire", round)
		reaped := r.waitFor(t, "reap", round)[round-1]
		if reaped.Flow.Src != lab.Only(f.eastHost).String() || reaped.Packets != 1 {
			t.Errorf("reaped %+v", reaped)
		}
		if n := g.holds(t); n != 0 {
			t.Errorf("%d holds", n)
		}
	}
}

// A flow with traffic and without an answer gets another ACQUIRE, and its hold remains.
func TestAcquireRepeated(t *testing.T) {
	g := newGateway(t, "egress")
	f := g.families()[0]
	g.only(t, from(f.eastNet, f.westNet, eroute.Trap))
	r, begin := g.startRelay(t, "--hold-lifetime", "1"), time.Now()
	for ctx := within(t, patience); len(r.of("acquire")) < 3 && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		g.sendText(t, f, 4711, "again")
	}
	asked := r.of("acquire")
	if len(asked) < 3 || len(r.of("reap")) != 0 || len(r.of("hold")) != 1 {
		t.Fatalf("events %s", r.kinds())
	}
	for i, e := range asked {
		if d := e.Time.Sub(begin); d < time.Duration(i)*time.Second {
			t.Errorf("asked %d times in %v", i+1, d)
		}
	}
}

// Without a relay, or after it was killed, a trap makes no hold; a new relay takes over the existing holds.
func TestRelayKilled(t *testing.T) {
	g := newGateway(t, "egress")
	f := g.families()[0]
	g.only(t, from(f.eastNet, f.westNet, eroute.Trap))
	before := g.counts(t)
	g.sendText(t, f, 4711, "no key manager")
	g.counted(t, before, reason("trap-no-relay", 1))

	first := g.startRelay(t)
	g.sendText(t, f, 4711, "kept")
	first.waitFor(t, "acquire", 1)
	first.stop(t, syscall.SIGKILL)
	eventually(t, func() bool { return !g.relayRuns(t) })
	before = g.counts(t)
	g.sendText(t, f, 4711, "matches the hold")
	g.counted(t, before, reason("hold-not-stored", 1))
	if err := g.apply(from(lab.Only(f.eastLAN), lab.Only(f.westHost), eroute.Trap)); err != nil {
		t.Fatal(err)
	}
	if n := g.holds(t); n != 1 {
		t.Errorf("%d holds, want 1", n)
	}

	second := g.startRelay(t, "--hold-lifetime", "1")
	if picked := second.waitFor(t, "hold", 1)[0]; picked.Detail != "picked up" || picked.Flow.Src != lab.Only(f.eastHost).String() {
		t.Errorf("picked up %+v", picked)
	}
	second.waitFor(t, "reap", 1)
}

// Only one relay runs in a network namespace.
func TestOneRelay(t *testing.T) {
	g := newGateway(t, "egress")
	g.startRelay(t)
	path := testenv.Ipsec(t)
	_, stderr, err := g.command(t, path, "acquire")
	if err == nil || stderr != "ipsec acquire: another relay runs in this network namespace\n" {
		t.Errorf("%q, %v", stderr, err)
	}
}
