// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"sync"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// While other commands change the table continuously, a relay sends an ACQUIRE for every flow: it waits for
// the table's lock once for all flows pending then.
func TestTrapWithConcurrentWriters(t *testing.T) {
	const flows, writers = 600, 3
	g := newGateway(t, "egress")
	f := g.families()[0]
	g.believeForged(t)
	g.only(t, from(forged, f.westNet, eroute.Trap))
	r, sender := g.startRelay(t), g.forger(t, f)
	before := g.counts(t)
	end := make(chan struct{})
	var all sync.WaitGroup
	changes := make([]int, writers)
	for w := range writers {
		all.Go(func() {
			for ; !until(end)(0); changes[w]++ {
				if err := g.apply(from(nth(w), all4, eroute.Drop)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	begin := time.Now()
	for i := range flows {
		sender.send(t, forgedAddr(i), 10)
		time.Sleep(2 * time.Millisecond)
	}
	r.waitFor(t, "acquire", flows)
	took := time.Since(begin)
	close(end)
	all.Wait()
	g.counted(t, before, reason("trap", flows))
	t.Logf("%d flows in %v, with %v concurrent changes", flows, took, changes)
}
