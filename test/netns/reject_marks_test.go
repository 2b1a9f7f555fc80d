// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// rewriters are netfilter rules that rewrite packet marks, by hook.
var rewriters = map[string]string{
	"saved mark": `chain before { type filter hook prerouting priority mangle; meta mark set ct mark; }
		chain after { type filter hook postrouting priority mangle; meta mark set ct mark; ct mark set 0x3; }`,
	"no mark, hop limit 255": `chain before { type filter hook prerouting priority mangle; meta mark set 0; ip ttl set 255; ip6 hoplimit set 255; }
		chain between { type filter hook forward priority mangle; meta mark set 0; }
		chain out { type route hook output priority mangle; meta mark set 0; }`,
}

// rewriteMarks loads netfilter rules on East until the test ends.
func (g *gateway) rewriteMarks(t *testing.T, rules string) {
	t.Helper()
	nft := func(script string) error {
		cmd := g.East.Command(t.Context(), "nft", "-f", "-")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("nft: %w: %s", err, out)
		}
		return nil
	}
	if err := nft("table inet marks {\n" + rules + "\n}"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd := g.East.Command(context.Background(), "nft", "delete", "table", "inet", "marks")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("nft: %v: %s", err, out)
		}
	})
}

// routeForLAN moves the routes into ipsec0 to a table for packets that arrive on lan only.
func (g *gateway) routeForLAN(t *testing.T) {
	t.Helper()
	const table = "100"
	ip := func(args ...string) {
		t.Helper()
		if _, err := g.East.IP(within(t, patience), args...); err != nil {
			t.Fatal(err)
		}
	}
	for flag, p := range map[string]netip.Prefix{"-4": lab.WestLAN4, "-6": lab.WestLAN6} {
		if err := g.East.Unroute(p, ipsec0); err != nil {
			t.Fatal(err)
		}
		ip(flag, "route", "add", p.String(), "dev", ipsec0, "table", table)
		ip(flag, "rule", "add", "iif", lab.LAN, "pref", "50", "lookup", table)
	}
	t.Cleanup(func() {
		for flag, p := range map[string]netip.Prefix{"-4": lab.WestLAN4, "-6": lab.WestLAN6} {
			_, ruleErr := g.East.IP(context.Background(), flag, "rule", "del", "iif", lab.LAN, "pref", "50")
			_, routeErr := g.East.IP(context.Background(), flag, "route", "flush", "table", table)
			if err := errors.Join(ruleErr, routeErr, g.East.Route(p, ipsec0)); err != nil {
				t.Error(err)
			}
		}
	})
}

// A rejected packet is dropped where it matched its eroute, after one pass, and the sender receives one
// error, in spite of any netfilter rule for marks and any routing without ipsec0.
func TestRejectMarks(t *testing.T) {
	const pings = 2
	for name, rules := range rewriters {
		t.Run(name, func(t *testing.T) {
			inEachFamily(t, func(t *testing.T, g *gateway, f family) {
				g.only(t, all(eroute.Reject)...)
				g.rewriteMarks(t, rules)
				g.checkRejected(t, g.EastHost, f, g.newSource(t, f), pings)
				g.checkRejected(t, g.East, f, f.eastLAN, pings)
				if g.mode == watched {
					return
				}
				g.routeForLAN(t)
				g.checkRejected(t, g.EastHost, f, g.newSource(t, f), pings)
			})
		})
	}
}

// checkRejected sends pings that are rejected, each with one answer.
func (g *gateway) checkRejected(t *testing.T, from *lab.Node, f family, src netip.Addr, pings int) {
	t.Helper()
	wire, icmp, before := g.watchWire(t), watchICMP(t, from), g.counts(t)
	r, err := from.Ping(within(t, patience), lab.Ping{Src: src, Dst: f.westHost, Count: pings})
	if err != nil || r.Received != 0 || len(r.Errors) != pings {
		t.Errorf("ping from %s: %+v, %v, want %d errors", from.Name, r, err, pings)
	}
	g.counted(t, before, reason("reject", pings))
	for _, e := range icmp(pings) {
		if !f.prohibited(e) || e.From != f.eastLAN {
			t.Errorf("error %d/%d from %s, want prohibited by %s", e.Type, e.Code, e.From, f.eastLAN)
		}
	}
	wire(0)
}
