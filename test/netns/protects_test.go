// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"cmp"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// delivery describes how packets reach WestHost.
type delivery struct {
	dst    func(f family) netip.Addr // address to which they are sent; nil: WestHost's
	dev    string                    // interface of East through which they leave; "": wan
	family string                    // "": both
	pass   *counts                   // of six packets that match %pass; nil: as such
}

// protected are the SAIDs whose packets do not leave in clear: without a relay, and without a state.
func protected(f family) []eroute.SAID {
	return []eroute.SAID{eroute.Drop, eroute.Reject, eroute.Hold, eroute.Trap, said(f.wan)}
}

// protects checks the verdicts for forwarded packets and for those of an unprivileged user on the gateway: nothing
// that is protected leaves East in clear, each packet is counted once, and nothing else is lost.
func (g *gateway) protects(t *testing.T, c delivery) {
	t.Helper()
	passed := reason("pass", 6)
	if c.pass != nil {
		passed = *c.pass
	}
	for _, f := range g.families() {
		if c.family != "" && c.family != f.name {
			continue
		}
		dst := f.westHost
		if c.dst != nil {
			dst = c.dst(f)
		}
		for _, said := range protected(f) {
			g.stops(t, f, dst, cmp.Or(c.dev, lab.WAN), said)
		}
		elsewhere := map[string]string{"v4": "203.0.113.0/24", "v6": "2001:db8:77::/48"}[f.name]
		g.leaves(t, f, dst, from(f.eastNet, f.westNet, eroute.Pass), passed)
		g.leaves(t, f, dst, from(f.eastNet, netip.MustParsePrefix(elsewhere), eroute.Drop), reason("none", 0))
	}
}

// stops checks that packets with an eroute do not leave in clear.
func (g *gateway) stops(t *testing.T, f family, dst netip.Addr, dev string, said eroute.SAID) {
	t.Helper()
	g.only(t, from(f.eastNet, f.westNet, said))
	wire, err := g.East.Capture(dev)
	if err != nil {
		t.Fatal(err)
	}
	before := g.counts(t)
	user := lab.Sender{Node: g.East, Owner: lab.Nobody, Type: unix.SOCK_DGRAM, Src: netip.AddrPortFrom(f.eastLAN, 0)}
	if err := user.Send(netip.AddrPortFrom(dst, 4000), []byte(lab.Marker)); err != nil {
		t.Fatal(err)
	}
	r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: dst, Count: 2, Wait: 20 * time.Millisecond})
	if err != nil || r.Received != 0 {
		t.Errorf("%s %v: ping: %+v, %v", f.name, said, r, err)
	}
	since := func() counts { return g.counts(t).since(before) }
	if !eventually(t, func() bool { return since().total() >= 3 }) || since().total() != 3 {
		t.Errorf("%s %v: counted %+v, want 3 packets", f.name, said, since())
	}
	frames, err := wire.Stop()
	if n := frames.Containing([]byte(lab.Marker)); err != nil || n != 0 {
		t.Errorf("%s %v: %d packets left in clear, %v", f.name, said, n, err)
	}
}

// leaves checks that pings from the host and the gateway have answers, and their counts.
func (g *gateway) leaves(t *testing.T, f family, dst netip.Addr, e eroute.Change, want counts) {
	t.Helper()
	g.only(t, e)
	before := g.counts(t)
	for _, p := range []struct {
		node *lab.Node
		src  netip.Addr
	}{{g.EastHost, f.eastHost}, {g.East, f.eastLAN}} {
		r, err := p.node.Ping(within(t, patience), lab.Ping{Src: p.src, Dst: dst, Count: 3})
		if err != nil || r.Received != 3 || r.Duplicates != 0 {
			t.Errorf("%s %v: ping from %s: %+v, %v", f.name, e.SAID, p.node.Name, r, err)
		}
	}
	g.counted(t, before, want)
}
