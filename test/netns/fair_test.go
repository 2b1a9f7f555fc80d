// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Any amount of traffic into one trap leaves space for ACQUIREs of another: they have a reserved part of the
// ring buffer.
func TestFairTraps(t *testing.T) {
	const flows, floods, sources = 80, 2, 1000
	g := newGateway(t, "egress")
	f := g.families()[0]
	g.believeForged(t)
	quiet := netip.MustParsePrefix("198.19.0.0/16") // forgedAddr(1 << 16) is the first
	g.only(t, from(forged, f.westNet, eroute.Trap), from(quiet, f.westNet, eroute.Trap))
	r := g.startRelay(t)
	var end atomic.Bool
	var all sync.WaitGroup
	defer all.Wait()
	defer end.Store(true)
	for n := range floods {
		sender := g.forger(t, f)
		all.Go(func() {
			for i := 0; !end.Load(); i++ {
				sender.send(t, forgedAddr(n*sources+i%sources), 1400)
			}
		})
	}
	time.Sleep(500 * time.Millisecond)
	before := g.counts(t)
	sender := g.forger(t, f)
	for i := range flows {
		sender.send(t, forgedAddr(1<<16+i), 10)
		time.Sleep(10 * time.Millisecond)
	}
	asked := map[string]bool{}
	eventually(t, func() bool {
		for _, e := range r.of("acquire") {
			if src := netip.MustParsePrefix(e.Flow.Src); quiet.Contains(src.Addr()) {
				asked[e.Flow.Src] = true
			}
		}
		return len(asked) == flows
	})
	if len(asked) != flows {
		t.Errorf("%d of %d flows of the quiet trap were asked for; meanwhile %+v", len(asked), flows, g.counts(t).since(before))
	}
}
