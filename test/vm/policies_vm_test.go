// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// A key manager's own out policy for the same traffic, without an if_id, leaves the verdict to the table,
// once the neighbour of %pass packets is resolved.
func TestForeignPolicies(t *testing.T) {
	b := newBench(t)
	// Without such a policy %pass packets wait for the neighbour's address; with one the kernel resolves it
	// in the wrong place (xfrm_neigh_lookup).
	for _, peer := range []netip.Addr{b.West.WAN4, b.West.WAN6} {
		if r, err := b.East.Ping(within(t, 20*time.Second), lab.Ping{Dst: peer}); err != nil || r.Received != 1 {
			t.Fatalf("ping %s: %+v, %v", peer, r, err)
		}
	}
	for _, c := range []struct {
		name     string
		over     lab.Tunnel
		from     *lab.Node
		src, dst netip.Addr
		nets     eroute.Selector
	}{
		{"v4", lab.Tunnel{ReqID: 1}, b.EastHost, b.EastHost.LAN4, b.WestHost.LAN4, nets(lab.EastLAN4, lab.WestLAN4)},
		{"v6", lab.Tunnel{ReqID: 1, Src: b.East.WAN6, Dst: b.West.WAN6}, b.EastHost, b.EastHost.LAN6, b.WestHost.LAN6, nets(lab.EastLAN6, lab.WestLAN6)},
		{"local v4", lab.Tunnel{ReqID: 1}, b.East, b.East.LAN4, b.WestHost.LAN4, nets(lab.EastLAN4, lab.WestLAN4)},
	} {
		t.Run(c.name, func(t *testing.T) {
			theirs := c.over
			theirs.From, theirs.To = b.East, b.West
			b.theirPolicy(t, install(t, theirs), c.nets)
			for _, v := range verdicts {
				t.Run(v.reason, func(t *testing.T) {
					if v.said != "" {
						b.add(t, c.nets, v.said)
					}
					b.checkVerdict(t, c.from, c.src, c.dst, v.reason)
				})
			}
			t.Run("sa", func(t *testing.T) {
				over := c.over
				over.ReqID = 2
				ours := b.connect(t, over, c.nets.Src, c.nets.Dst)
				b.add(t, c.nets, ours.TunSAID())
				stop := b.wire(t)
				r, err := c.from.Ping(within(t, 20*time.Second), lab.Ping{Src: c.src, Dst: c.dst, Count: 3})
				if err != nil || r.Received != 3 {
					t.Errorf("ping: %+v, %v", r, err)
				}
				frames := stop()
				checkOnly(t, frames, layers.IPProtocolESP)
				if n := frames.Count(lab.Match{SPI: ours.SPI}); n != 3 {
					t.Errorf("%d frames of the eroute's SA, want 3", n)
				}
			})
		})
	}
}

// theirPolicy installs a policy on East like charon and pluto: for the selector, with a template of the SA's
// reqid.
func (b bench) theirPolicy(t *testing.T, sa *lab.SA, s eroute.Selector) {
	t.Helper()
	selector := fmt.Sprintf("src %s dst %s dir out", s.Src, s.Dst)
	ip(t, b.East, fmt.Sprintf("xfrm policy add %s priority 1000 tmpl src %s dst %s proto esp reqid %d mode tunnel",
		selector, sa.Src, sa.Dst, sa.ReqID))
	t.Cleanup(func() { ip(t, b.East, "xfrm policy delete "+selector) })
}

// Foreign policies are unchanged after the last eroute is deleted, and a state has its previous if_id again.
func TestForeignPoliciesUnchanged(t *testing.T) {
	b := newBench(t)
	const state = "src 192.1.2.23 dst 192.1.2.45 proto esp spi 0x4711"
	ip(t, b.East, "xfrm state add "+state+" reqid 9 mode tunnel if_id 0x7 aead rfc4106(gcm(aes)) 0x0102030405060708090a0b0c0d0e0f1011121314 128")
	ip(t, b.East, "xfrm policy add src 10.0.0.0/8 dst 10.0.0.0/8 dir out tmpl src 192.1.2.23 dst 192.1.2.45 proto esp reqid 9 mode tunnel if_id 0x7")
	sa := install(t, lab.Tunnel{From: b.East, To: b.West})
	policies, states := ip(t, b.East, "xfrm policy"), ip(t, b.East, "xfrm state get "+state)

	a, c := nets(lab.EastLAN4, lab.WestLAN4), nets(lab.EastLAN4, netip.MustParsePrefix("0.0.0.0/0"))
	b.apply(t, eroute.Change{Op: eroute.OpAdd, Selector: a, SAID: parseSAID(t, "tun0x4711@192.1.2.45")},
		eroute.Change{Op: eroute.OpAdd, Selector: c, SAID: parseSAID(t, sa.TunSAID())})
	if ip(t, b.East, "xfrm policy") == policies {
		t.Error("the eroutes have installed no policy")
	}
	b.del(t, a)
	if got := ip(t, b.East, "xfrm state get "+state); got != states {
		t.Errorf("state afterwards:\n%s\nbefore:\n%s", got, states)
	}
	b.del(t, c)
	if got := ip(t, b.East, "xfrm policy"); got != policies {
		t.Errorf("policies afterwards:\n%s\nbefore:\n%s", got, policies)
	}
}
