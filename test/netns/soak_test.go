// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// soak is a gateway under traffic and changes.
type soak struct {
	*gateway
	path  string // of the command
	relay int    // its process
	end   chan struct{}
	runs  sync.WaitGroup

	forged, changes, commands atomic.Uint64
}

// After some time of traffic and changes nothing has grown: no map, no memory, no file descriptors, no
// goroutines; and the counters add up to the packets sent. "make soak DURATION=1h" takes longer.
func TestSoak(t *testing.T) {
	duration := testenv.Duration(t, 8*time.Second)
	path := testenv.Ipsec(t)
	g := newDetached(t)
	g.attach(t, ipsec0, lab.WAN, lab.LAN)
	g.route(t)
	g.believeForged(t)
	s := &soak{gateway: g, path: path, end: make(chan struct{})}
	s.startQuietRelay(t)
	streams, count := g.aimStreams(t, 2400)
	if err := g.apply(from(forged, g.families()[0].westNet, eroute.Trap)); err != nil {
		t.Fatal(err)
	}
	first := s.usage(t)
	begin := time.Now()
	for _, f := range []func(*testing.T){s.forge, s.changeAtRandom, s.runCommands} {
		s.runs.Go(func() { f(t) })
	}
	var early usage
	for n := range 10 {
		time.Sleep(duration / 10)
		u := s.usage(t)
		t.Logf("%v: %+v", time.Since(begin).Round(time.Second), u)
		if n == 2 {
			early = u
		}
	}
	last := s.usage(t)
	close(s.end)
	s.runs.Wait()
	sent := g.checkStreams(t, streams, count)
	s.withoutFlows(t)

	var settled usage
	// The relay may be reading the table, which takes a descriptor per map.
	eventually(t, func() bool {
		settled = s.usage(t)
		return settled.relayDescriptors <= first.relayDescriptors
	})
	if settled.entries != first.entries || settled.descriptors > first.descriptors || settled.relayDescriptors > first.relayDescriptors ||
		settled.goroutines > first.goroutines {
		t.Errorf("afterwards in use: %+v, before: %+v", settled, first)
	}
	last.checkMemory(t, early)
	sent += s.forged.Load()
	if got := g.settled(t, counts{}, sent).total(); got != sent {
		t.Errorf("%d packets counted, %d sent", got, sent)
	}
	t.Logf("in %v: %d packets, %d of them into traps, %d changes, %d commands", time.Since(begin), sent, s.forged.Load(), s.changes.Load(), s.commands.Load())
}

// startQuietRelay runs a relay with short-lived holds until the test ends.
func (s *soak) startQuietRelay(t *testing.T) {
	t.Helper()
	cmd := s.East.Command(context.Background(), s.path, "acquire", "--json", "--hold-lifetime", "2")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.relay = cmd.Process.Pid
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("relay: %v", err)
		}
	})
	s.waitForRelay(t)
}

// pace runs f that many times per second until the end.
func (s *soak) pace(perSecond int, f func()) {
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	for {
		select {
		case <-s.end:
			return
		case <-tick.C:
			f()
		}
	}
}

// forge sends into the trap, each time from another source.
func (s *soak) forge(t *testing.T) {
	sender := s.forger(t, s.families()[0])
	s.pace(200, func() {
		sender.send(t, forgedAddr(int(s.forged.Load())%(1<<17)), 10)
		s.forged.Add(1)
	})
}

// changeAtRandom changes eroutes that no packet matches, and deletes them at the end.
func (s *soak) changeAtRandom(t *testing.T) {
	there := map[eroute.Selector]bool{}
	s.pace(20, func() {
		var changes []eroute.Change
		for range 1 + rand.IntN(1+rand.IntN(200)) {
			c := randomChange()
			if c.Op = eroute.OpReplace; there[c.Selector] && rand.IntN(2) == 0 {
				c = eroute.Change{Op: eroute.OpDel, Selector: c.Selector}
			}
			if there[c.Selector] = c.Op == eroute.OpReplace; !there[c.Selector] {
				delete(there, c.Selector)
			}
			changes = append(changes, c)
		}
		if err := s.apply(changes...); err != nil {
			t.Error(err)
		}
		s.changes.Add(uint64(len(changes)))
	})
	var changes []eroute.Change
	for selector := range there {
		changes = append(changes, eroute.Change{Op: eroute.OpDel, Selector: selector})
	}
	if err := s.apply(changes...); err != nil {
		t.Error(err)
	}
}

// randomChange is one of 20,000 eroutes, to one of 50 SAs or a magic SAID.
func randomChange() eroute.Change {
	c := from(nth(rand.IntN(20000)), all4, eroute.Drop)
	switch rand.IntN(4) {
	case 0:
		c.SAID = eroute.Pass
	case 1:
		c.SAID, c.Acquire = eroute.Trap, eroute.DefaultAcquire
		c.Acquire.ReqID = uint32(rand.IntN(3))
	case 2:
		c.SAID = eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x1000 + uint32(rand.IntN(50)), Dst: lab.WAN4.Addr()}
	}
	return c
}

// nth is one of many networks without traffic.
func nth(n int) netip.Prefix {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(n >> 8), byte(n), 0}), 24)
}

// runCommands runs commands one after the other.
func (s *soak) runCommands(t *testing.T) {
	commands := []string{
		"eroute", "eroute --json", "eroute --stats", "eroute --sync", "eroute --save -", "tncfg", "tncfg --upgrade",
		"eroute --lookup --src 192.0.2.1 --dst 192.0.1.1", "eroute --limit 50000",
		"tncfg --attach --virtual ipsec1 --physical wan", "tncfg --detach --virtual ipsec1",
	}
	s.pace(5, func() {
		args := commands[int(s.commands.Load())%len(commands)]
		if _, stderr, err := s.command(t, s.path, args); err != nil {
			t.Errorf("ipsec %s: %v, %s", args, err, stderr)
		}
		s.commands.Add(1)
	})
	_ = s.detach("ipsec1") // it may exist
}

// withoutFlows waits until the holds have ended.
func (s *soak) withoutFlows(t *testing.T) {
	t.Helper()
	if !eventually(t, func() bool { return s.holds(t) == 0 }) {
		t.Fatalf("%d holds are left", s.holds(t))
	}
}
