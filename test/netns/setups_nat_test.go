// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net/netip"
	"testing"
)

// The operator's netfilter rules and policy routing change nothing about what leaves: marks of connections, routes
// by mark, NAT of the source and of the destination.
func TestSetupsNetfilter(t *testing.T) {
	const (
		marks = `
chain pre { type filter hook prerouting priority mangle; meta mark set ct mark; }
chain out { type route hook output priority mangle; meta mark set ct mark; meta mark 0 meta mark set 0x107; ct mark set meta mark; }
chain forward { type filter hook forward priority mangle; meta mark 0 meta mark set 0x107; ct mark set meta mark; }
chain post { type filter hook postrouting priority mangle; ct mark set meta mark; }`
		routed = `
chain pre { type filter hook prerouting priority mangle; meta mark set ct mark; meta mark 0 meta mark set 0x107; ct mark set meta mark; }
chain out { type route hook output priority mangle; meta mark set ct mark; meta mark 0 meta mark set 0x107; ct mark set meta mark; }`
		masquerade = "chain post { type nat hook postrouting priority srcnat; oifname wan masquerade; }"
	)
	none := reason("none", 0)
	for _, c := range []struct {
		name     string
		rules    func(g *gateway) string
		table    bool // routes by mark
		delivery delivery
	}{
		{name: "marks of connections", rules: func(*gateway) string { return marks }},
		{name: "routes by mark", rules: func(*gateway) string { return routed }, table: true},
		{name: "masquerade", rules: func(*gateway) string { return masquerade }, delivery: delivery{pass: &none}},
		{name: "DNAT", rules: dnat, delivery: delivery{dst: decoy}},
	} {
		t.Run(c.name, func(t *testing.T) {
			g := watching(t)
			for _, f := range g.families() {
				batch(t, g.East, fmt.Sprintf("route add %s via %s dev wan", decoy(f), f.wan))
				if c.table {
					g.ip(t, fmt.Sprintf("-%s rule add to %s lookup main priority 40", f.name[1:], f.eastNet))
					g.ip(t, fmt.Sprintf("-%s rule add fwmark 0x100/0xff00 lookup 77 priority 50", f.name[1:]))
					g.ip(t, fmt.Sprintf("-%s route add default via %s dev wan table 77", f.name[1:], f.wan))
				}
			}
			g.netfilter(t, c.rules(g))
			g.protects(t, c.delivery)
		})
	}
}

// decoy is an address that the gateway translates to WestHost's.
func decoy(f family) netip.Addr {
	return netip.MustParseAddr(map[string]string{"v4": "203.0.113.9", "v6": "2001:db8:99::9"}[f.name])
}

// dnat translates decoy to WestHost.
func dnat(g *gateway) (rules string) {
	for _, hook := range []string{"prerouting", "output"} {
		rules += fmt.Sprintf("chain d%s { type nat hook %s priority -100;\n", hook, hook)
		for i, f := range g.families() {
			rules += fmt.Sprintf("%s daddr %s dnat %s to %s\n", []string{"ip", "ip6"}[i], decoy(f), []string{"ip", "ip6"}[i], f.westHost)
		}
		rules += "}\n"
	}
	return rules
}
