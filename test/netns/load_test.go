// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// replaceAll has two writers replace the eroutes of both families, each by one of the SAIDs, for the
// duration; it returns the number of replacements.
func (g *gateway) replaceAll(t *testing.T, d time.Duration, saids ...eroute.SAID) (times int) {
	t.Helper()
	var writers sync.WaitGroup
	var mu sync.Mutex
	end := time.Now().Add(d)
	for range 2 {
		writers.Go(func() {
			for time.Now().Before(end) {
				if err := g.apply(all(saids[rand.IntN(len(saids))])...); err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				times++
				mu.Unlock()
			}
		})
	}
	writers.Wait()
	return times
}

// While eroutes that drop replace each other, no packet leaves, and each packet matches one of them.
func TestReplaceUnderFlood(t *testing.T) {
	inEachMode(t, func(t *testing.T, g *gateway) {
		g.only(t, all(eroute.Drop)...)
		wire := g.watchWire(t)
		before := g.counts(t)
		end := make(chan struct{})
		var floods []<-chan int
		for i, f := range g.families() {
			floods = append(floods, flood(t, g.EastHost, f.eastHost, f.westHost, i, until(end)),
				flood(t, g.East, f.eastLAN, f.westHost, i+1, until(end)))
		}
		times := g.replaceAll(t, 1500*time.Millisecond, eroute.Drop, eroute.Reject, eroute.Hold, eroute.Trap)
		close(end)
		sent := 0
		for _, f := range floods {
			sent += <-f
		}
		got := g.settled(t, before, uint64(sent))
		if ended := got.Reasons["drop"] + got.Reasons["reject"] + got.Reasons["hold-not-stored"] + got.Reasons["trap-no-relay"]; ended != uint64(sent) || got.total() != ended {
			t.Errorf("of %d packets %d matched an eroute, reasons %v", sent, ended, got.Reasons)
		}
		wire(0)
		t.Logf("%d packets, %d replacements: %v", sent, times, got.Reasons)
	})
}

// settled waits until this many packets are counted, and briefly for further ones.
func (g *gateway) settled(t *testing.T, before counts, sent uint64) counts {
	t.Helper()
	eventually(t, func() bool { return g.counts(t).since(before).total() >= sent })
	time.Sleep(20 * time.Millisecond)
	return g.counts(t).since(before)
}

// While one %pass replaces another, no packet is lost.
func TestReplacePass(t *testing.T) {
	const pings = 500
	inEachMode(t, func(t *testing.T, g *gateway) {
		g.only(t, all(eroute.Pass)...)
		before := g.counts(t)
		var pinging sync.WaitGroup
		for _, f := range g.families() {
			pinging.Go(func() {
				r, err := g.EastHost.Ping(within(t, 30*time.Second), lab.Ping{Dst: f.westHost, Count: pings, Interval: 2 * time.Millisecond})
				if err != nil || r.Received != pings || r.Duplicates != 0 {
					t.Errorf("%s: %d of %d answers, %d twice, %v, errors %v", f.name, r.Received, r.Sent, r.Duplicates, err, r.Errors)
				}
			})
		}
		times := g.replaceAll(t, 900*time.Millisecond, eroute.Pass)
		pinging.Wait()
		if got := g.settled(t, before, 2*pings); got.Reasons["pass"] != 2*pings || got.total() != 2*pings {
			t.Errorf("reasons %v, want pass for %d", got.Reasons, 2*pings)
		}
		t.Logf("%d replacements", times)
	})
}

// Counters are exact when several CPUs count concurrently.
func TestExactCounters(t *testing.T) {
	const each, size = 4000, 100
	inEachMode(t, func(t *testing.T, g *gateway) {
		for _, f := range g.families() {
			g.only(t, all(eroute.Drop)...)
			before := g.counts(t)
			var floods []<-chan int
			enough := func(sent int) bool { return sent == each }
			for cpu := range 2 {
				floods = append(floods, flood(t, g.East, f.eastLAN, f.westHost, cpu, enough), flood(t, g.EastHost, f.eastHost, f.westHost, cpu, enough))
			}
			for _, f := range floods {
				<-f
			}
			g.counted(t, before, reason("drop", 4*each))
			headers := 28
			if f.name == "v6" {
				headers = 48
			}
			for _, e := range g.listed(t) {
				if want := uint64(4 * each * (headers + size)); e.Packets != 0 && e.Bytes != want {
					t.Errorf("%d bytes, want %d", e.Bytes, want)
				}
			}
		}
	})
}

// A packet that is still to be segmented is counted as its segments.
func TestCountSegments(t *testing.T) {
	const segments, size = 30, 1000
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		headers := 28
		if f.name == "v6" {
			headers = 48
		}
		for _, from := range []struct {
			node *lab.Node
			src  netip.Addr
		}{{g.EastHost, f.eastHost}, {g.East, f.eastLAN}} {
			g.only(t, all(eroute.Drop)...)
			before := g.counts(t)
			d := lab.Datagram{Src: netip.AddrPortFrom(from.src, 0), Dst: netip.AddrPortFrom(f.westHost, 9), Payload: make([]byte, segments*size), Segment: size}
			if err := from.node.SendUDP(t.Context(), d); err != nil {
				t.Fatal(err)
			}
			g.counted(t, before, reason("drop", segments))
			for _, e := range g.listed(t) {
				if want := uint64(segments * (headers + size)); e.Packets != 0 && e.Bytes != want {
					t.Errorf("from %s: %d bytes, want %d", from.node.Name, e.Bytes, want)
				}
			}
		}
	})
}
