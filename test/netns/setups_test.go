// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
)

// Each set-up of physical interfaces protects what has an eroute, and neither loses nor counts twice what leaves.
// TestSetups of test/vm has those for which the host's kernel may have no modules.
func TestSetups(t *testing.T) {
	for _, c := range []struct {
		name     string
		physical string
		routed   string   // the interface with the addresses and routes
		lines    []string // ip commands that make it
	}{
		{"bridge", "br0", "br0", []string{"link add br0 type bridge", "link set wan master br0", "link set br0 up"}},
		{"macvlan", "mv", "mv", macvlan},
		{"below a macvlan", lab.WAN, "mv", macvlan},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := newDetached(t)
			batch(t, g.East, c.lines...)
			g.moveWAN(t, c.routed)
			g.attachAs(t, device.Config{Virtual: ipsec0, Physical: c.physical})
			g.limitICMP(t, false)
			g.protects(t, delivery{})
		})
	}
}

var macvlan = []string{"link add mv link wan type macvlan mode bridge", "link set mv up"}

// batch runs ip(8) commands on a node.
func batch(t *testing.T, n *lab.Node, lines ...string) {
	t.Helper()
	if err := n.Batch(t.Context(), lines...); err != nil {
		t.Fatal(err)
	}
}

// moveWAN gives the addresses and routes of East's wan to another interface, and waits until that sends.
func (g *gateway) moveWAN(t *testing.T, dev string) {
	t.Helper()
	if err := g.MoveWAN(t.Context(), g.East, dev, ""); err != nil {
		t.Fatal(err)
	}
	g.waitThrough(t)
}

// waitThrough waits until WestHost answers.
func (g *gateway) waitThrough(t *testing.T) {
	t.Helper()
	for _, f := range g.families() {
		if !eventually(t, func() bool {
			r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: f.westHost, Count: 1, Wait: 50 * time.Millisecond})
			return err == nil && r.Received == 1
		}) {
			t.Fatalf("%s: no answer", f.name)
		}
	}
}
