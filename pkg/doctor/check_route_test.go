// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// routes returns the facts of a gateway with these routes; the first leads into ipsec0.
func routes(into Route, others ...Route) *Facts {
	into.Dev, into.IPsec, into.Type = "ipsec0", true, unix.RTN_UNICAST
	if into.Table == 0 {
		into.Table = unix.RT_TABLE_MAIN
	}
	f := &Facts{Devices: []Device{ipsec0()}, Routes: []Route{into}}
	for _, r := range others {
		if r.Table == 0 {
			r.Table = unix.RT_TABLE_MAIN
		}
		if r.Type == 0 {
			r.Type = unix.RTN_UNICAST
		}
		f.Routes = append(f.Routes, r)
	}
	return f
}

func to(prefix string) Route { return Route{Dst: netip.MustParsePrefix(prefix), Dev: "wan"} }

func TestLeak(t *testing.T) {
	site := to("10.2.0.0/16")
	gateway := to("0.0.0.0/0")
	blackhole, worse := site, site
	blackhole.Type, blackhole.Metric, blackhole.Dev = unix.RTN_BLACKHOLE, 1, ""
	worse.Metric = 4096

	checkFindings(t, leakCheck, routes(site)) // no other route
	checkFindings(t, leakCheck, routes(site, gateway), want{Problem, "10.2.0.0/16", "leave through wan by the route to 0.0.0.0/0"})
	checkFindings(t, leakCheck, routes(site, gateway, blackhole))
	checkFindings(t, leakCheck, routes(site, worse), want{Problem, "10.2.0.0/16", "leave through wan by the route to 10.2.0.0/16"})
	checkFindings(t, leakCheck, routes(site, worse, blackhole)) // the blackhole has the better metric
	blackhole.Metric = 9999
	checkFindings(t, leakCheck, routes(site, worse, blackhole), want{Problem, "10.2.0.0/16", "leave through wan"})

	wider := to("10.0.0.0/8")
	wider.Type = unix.RTN_UNREACHABLE
	checkFindings(t, leakCheck, routes(site, gateway, wider))
	wider.Type = unix.RTN_THROW
	checkFindings(t, leakCheck, routes(site, gateway, wider), want{Problem, "10.2.0.0/16", "0.0.0.0/0"})

	// Lookups that fail in the route's own table fall back to the main table.
	site.Table, site.Metric = 7, 10
	f := routes(site, gateway)
	checkFindings(t, leakCheck, f, want{Problem, "10.2.0.0/16", "leave through wan"})
	got, _, _ := strings.Cut(leakCheck.find(f)[0].Remedy, " (")
	if got != "ip route add blackhole 10.2.0.0/16 metric 11 table 7" {
		t.Errorf("remedy %q", got)
	}
	checkFindings(t, leakCheck, routes(to("2001:db8::/32"), to("::/0")), want{Problem, "2001:db8::/32", "::/0"})
	checkFindings(t, leakCheck, routes(to("2001:db8::/32"), gateway))
}

func TestPass(t *testing.T) {
	f := routes(to("10.2.0.0/16"))
	checkFindings(t, passCheck, f)
	f.Devices[0].Stale6 = true // no IPv6 packets are routed into it
	checkFindings(t, passCheck, f)
	f.Devices[0].Stale4 = true
	checkFindings(t, passCheck, f, want{Problem, "ipsec0", "IPv4 routes"})
	f.Routes[0].Dst = netip.MustParsePrefix("2001:db8::/32")
	checkFindings(t, passCheck, f, want{Problem, "ipsec0", "IPv6 routes"})
}

func TestRoute(t *testing.T) {
	checkFindings(t, routeCheck, &Facts{Devices: []Device{ipsec0()}}, want{Problem, "ipsec0", "no route leads into"})
	site := to("10.2.0.0/16")
	checkFindings(t, routeCheck, routes(site))

	taken := Route{Table: 220, Dst: site.Dst, Dev: "wan"}
	site.Taken = &taken
	checkFindings(t, routeCheck, routes(site), want{Problem, "10.2.0.0/16", "leave through wan by a route of table 220, not through ipsec0"})
	taken.Table = unix.RT_TABLE_MAIN // with a better metric
	checkFindings(t, routeCheck, routes(site), want{Problem, "10.2.0.0/16", "table 254"})
	taken.Dst = netip.MustParsePrefix("10.2.0.0/24") // an exception
	checkFindings(t, routeCheck, routes(site))
	taken.Table = unix.RT_TABLE_LOCAL
	checkFindings(t, routeCheck, routes(site))
	taken = Route{Table: unix.RT_TABLE_MAIN, Dst: site.Dst, Dev: "ipsec0", IPsec: true}
	checkFindings(t, routeCheck, routes(site))
}
