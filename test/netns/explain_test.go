// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// explanation is one of "ipsec eroute --lookup --explain --json".
type explanation struct {
	Route           struct{ Device string }
	IPsec, Watched  bool
	Verdict, Reason string
}

// explanation runs --explain for a packet of ICMP.
func (g *gateway) explanation(t *testing.T, path string, src, dst netip.Addr) explanation {
	t.Helper()
	stdout, stderr, err := g.command(t, path, fmt.Sprintf("eroute --lookup --src %s --dst %s --explain --json", src, dst))
	var document struct{ Explanations []explanation }
	if err != nil || json.Unmarshal([]byte(stdout), &document) != nil || len(document.Explanations) != 1 {
		t.Fatalf("explain: %v: %s%s", err, stdout, stderr)
	}
	return document.Explanations[0]
}

// What --explain reports about a packet is what happens to it: forwarded ones and the gateway's own, where the
// interface they leave through is watched, and where it is not.
func TestExplainWatched(t *testing.T) {
	path := testenv.Ipsec(t)
	for _, drop := range []bool{false, true} {
		t.Run(fmt.Sprintf("unmatched drop %v", drop), func(t *testing.T) {
			g := newDetached(t)
			g.attachAs(t, device.Config{Virtual: ipsec0, Physical: lab.WAN, Ingress: []string{lab.LAN}, DropUnmatched: drop})
			g.ip(t, "link add other type veth peer name far")
			g.ip(t, "link set far up")
			g.ip(t, "link set other up")
			missing := eroute.SAID{Proto: eroute.ProtoTun, SPI: 0x135, Dst: g.West.WAN4}
			for _, f := range g.families() {
				beyond := netip.MustParseAddr("198.51.100.1")
				if f.name == "v6" {
					beyond = netip.MustParseAddr("2001:db8:ffff::1")
				}
				g.ip(t, fmt.Sprintf("route add %s dev other", beyond))
				g.ip(t, fmt.Sprintf("neigh add %s lladdr 02:00:00:00:00:09 dev other", beyond))
				all := netip.PrefixFrom(beyond, 0).Masked()
				for _, c := range []struct {
					name    string
					eroutes []eroute.Change
					dst     netip.Addr
					device  string
				}{
					{"pass", []eroute.Change{from(all, all, eroute.Pass)}, f.westHost, lab.WAN},
					{"drop", []eroute.Change{from(all, all, eroute.Drop)}, f.westHost, lab.WAN},
					{"reject", []eroute.Change{from(all, all, eroute.Reject)}, f.westHost, lab.WAN},
					{"trap", []eroute.Change{from(all, all, eroute.Trap)}, f.westHost, lab.WAN},
					{"SA", []eroute.Change{from(all, all, missing)}, f.westHost, lab.WAN},
					{"none", nil, f.westHost, lab.WAN},
					{"not watched", []eroute.Change{from(all, all, eroute.Drop)}, beyond, "other"},
				} {
					for _, sender := range []struct {
						node *lab.Node
						src  netip.Addr
					}{{g.EastHost, f.eastHost}, {g.East, f.eastLAN}} {
						t.Run(f.name+" "+c.name+" of "+sender.node.Name, func(t *testing.T) {
							g.only(t, c.eroutes...)
							g.checkExplanation(t, g.explanation(t, path, sender.src, c.dst), sender.node, sender.src, c.dst, leaving{c.device, c.device, c.device == lab.WAN})
						})
					}
				}
			}
		})
	}
}

// leaving is how a packet leaves: the interface that it is routed to, and that, or a member of it, which sends it.
type leaving struct {
	route, dev string
	watched    bool
}

// checkExplanation sends a packet and compares its fate with its explanation.
func (g *gateway) checkExplanation(t *testing.T, e explanation, n *lab.Node, src, dst netip.Addr, by leaving) {
	t.Helper()
	if e.IPsec || e.Route.Device != by.route || e.Watched != by.watched {
		t.Errorf("explained as %+v, want %+v", e, by)
	}
	c, err := g.East.Capture(by.dev)
	if err != nil {
		t.Fatal(err)
	}
	before := g.counts(t).Reasons
	s := lab.Sender{Node: n, Type: unix.SOCK_DGRAM, Src: netip.AddrPortFrom(src, 4000)}
	if err := s.Send(netip.AddrPortFrom(dst, 4001), []byte("explained")); err != nil {
		t.Fatal(err)
	}
	want := counts{Reasons: map[string]uint64{}}
	if e.Reason != "" {
		want.Reasons[e.Reason] = 1
	}
	got := func() counts { return counts{Reasons: g.counts(t).since(counts{Reasons: before}).Reasons} }
	if !eventually(t, func() bool { return fmt.Sprint(got()) == fmt.Sprint(want) }) {
		t.Errorf("counted %v, explained as %+v", got(), e)
	}
	match := lab.Match{Outgoing: true, Proto: layers.IPProtocolUDP, Dst: lab.Only(dst)}
	sent := 0
	if e.Verdict == "sent" {
		sent = 1
		_ = c.Wait(within(t, patience), match, sent)
	}
	frames, err := c.Stop()
	if left := frames.Count(match); err != nil || left != sent {
		t.Errorf("%d packets left through %s, %v, explained as %+v", left, by.dev, err, e)
	}
}
