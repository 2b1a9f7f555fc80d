// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Monitors receive the relay's events and the changes that commands make.
func TestMonitor(t *testing.T) {
	inEachFamily(t, func(t *testing.T, g *gateway, f family) {
		trap := from(f.eastNet, f.westNet, eroute.Trap)
		monitors := []*relay{g.startEvents(t, "monitor", "--json"), g.startEvents(t, "monitor", "--json")}
		for _, m := range monitors { // until it reads
			for ctx := within(t, patience); ctx.Err() == nil && m.kinds() == ""; time.Sleep(50 * time.Millisecond) {
				g.only(t, trap)
			}
		}
		r := g.startRelay(t)
		if _, err := g.EastHost.Ping(within(t, patience), lab.Ping{Src: f.eastHost, Dst: f.westHost, Count: 3, Wait: 20 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		hold := hosts(f.eastHost, f.westHost)
		r.waitFor(t, "acquire", 1)
		if err := g.apply(eroute.Change{Op: eroute.OpReplace, Selector: hold, SAID: eroute.Pass}); err != nil {
			t.Fatal(err)
		}
		r.waitFor(t, "release", 1)
		for _, kind := range []string{"acquire", "hold", "release"} {
			want := r.of(kind)
			for _, m := range monitors {
				if diff := cmp.Diff(want, m.waitFor(t, kind, len(want))); diff != "" {
					t.Errorf("%s: (-relay +monitor)\n%s", kind, diff)
				}
			}
		}
		for _, m := range monitors {
			all := m.of("replace") // preceded the release
			if e := all[len(all)-1].Eroute; e.Src != hold.Src.String() || e.Dst != hold.Dst.String() || e.SAID != "%pass" {
				t.Errorf("monitor: %+v", all)
			}
		}
	})
}

// A monitor is no key manager: if only a monitor listens, traps hold nothing.
func TestMonitorIsNoKeyManager(t *testing.T) {
	g := newGateway(t, "egress")
	f := g.families()[0]
	m := g.startEvents(t, "monitor", "--json")
	for ctx := within(t, patience); ctx.Err() == nil && m.kinds() == ""; time.Sleep(50 * time.Millisecond) {
		g.only(t, from(f.eastNet, f.westNet, eroute.Trap))
	}
	g.startEvents(t, "acquire")
	for range 40 {
		if g.relayRuns(t) {
			t.Fatal("the relay treats the monitor as a key manager")
		}
		time.Sleep(50 * time.Millisecond)
	}
}
