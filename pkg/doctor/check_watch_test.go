// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// watching returns the facts of a gateway that watches wan, with these routes.
func watching(all ...Route) *Facts {
	d := ipsec0()
	d.Watched = true
	f := &Facts{Devices: []Device{d}, Interfaces: []Interface{{Name: "lan", Ingress: true, Exists: true}, {Name: "wan", Physical: true, Exists: true}}}
	for _, r := range all {
		r.Table, r.Type = unix.RT_TABLE_MAIN, unix.RTN_UNICAST
		f.Routes = append(f.Routes, r)
	}
	return f
}

func via(dev, prefix string) Route { return Route{Dst: netip.MustParsePrefix(prefix), Dev: dev} }

func between(src, dst string) eroute.Selector {
	return eroute.Selector{Src: netip.MustParsePrefix(src), Dst: netip.MustParsePrefix(dst)}
}

func TestWatch(t *testing.T) {
	f := watching()
	checkFindings(t, watchCheck, f, want{OK, "ipsec0", "watches wan: packets without an eroute leave"},
		want{OK, "ipsec0", "is not strict, and XFRM has no"})
	f.InPolicies = true
	f.Devices[0].Also = []string{"lte"}
	checkFindings(t, watchCheck, f, want{OK, "ipsec0", "watches wan, lte: packets"},
		want{OK, "ipsec0", "is not strict: XFRM's in and fwd policies"})
	if f.isExit("lte") {
		t.Error("a second watched interface is an exit")
	}
	f.Devices[0].Also = nil
	f.Devices[0].DropUnmatched, f.Devices[0].Strict = true, true
	checkFindings(t, watchCheck, f, want{OK, "ipsec0", "watches wan: packets without an eroute drop"},
		want{OK, "ipsec0", "is strict: packets"})
	f.Devices[0].Watched = false
	checkFindings(t, watchCheck, f, want{OK, "ipsec0", "is routed"})
}

// TestFilters checks that a filter of tc is a note with the command that deletes it.
func TestFilters(t *testing.T) {
	f := watching()
	f.Devices[0].Filters = []Filter{{"wan", "matchall", 7}}
	checkFindings(t, deviceCheck, f, want{Note, "wan", "tc filter matchall (pref 7) runs after the wire program on wan"})
	if remedy := deviceCheck.find(f)[0].Remedy; !strings.HasSuffix(remedy, "tc filter del dev wan egress pref 7") {
		t.Errorf("remedy %q", remedy)
	}
}

// TestWatchedRoutes checks that what watches an interface needs no routes, and no blackholes.
func TestWatchedRoutes(t *testing.T) {
	f := watching(via("wan", "0.0.0.0/0"))
	if routed(f) {
		t.Error("the checks of routes apply")
	}
	site := via("ipsec0", "10.2.0.0/16")
	site.IPsec, site.Taken = true, &Route{Table: 220, Dst: site.Dst, Dev: "wan"}
	f.Routes = append(f.Routes, site)
	f.Devices = append(f.Devices, Device{})
	f.Devices[1].Virtual = "ipsec1"
	checkFindings(t, routeCheck, f)
	checkFindings(t, leakCheck, f)
}

func TestExit(t *testing.T) {
	site := between("10.1.0.0/16", "10.2.0.0/16")
	for name, test := range map[string]struct {
		facts   *Facts
		eroutes []eroute.Selector
		wants   []want
		remedy  string // a part of the first one
	}{
		"watched":      {watching(via("wan", "0.0.0.0/0"), via("lan", "10.1.0.0/16"), via("ipsec0", "10.2.0.0/16"), via("lo", "10.2.0.9/32")), []eroute.Selector{site}, nil, ""},
		"second WAN":   {watching(via("wan", "0.0.0.0/0"), via("lte", "0.0.0.0/0")), []eroute.Selector{site}, []want{{Problem, "lte", "lte is not watched, but routes to 10.2.0.0/16, which"}}, "attach ipsec0 again with --physical lte in addition;"},
		"tunnel":       {watching(via("gre1", "10.2.3.0/24")), []eroute.Selector{site}, []want{{Problem, "gre1", "routes to 10.2.3.0/24, which"}}, ""},
		"ingress":      {watching(via("lan", "0.0.0.0/0")), []eroute.Selector{between("0.0.0.0/0", "0.0.0.0/0")}, nil, ""},
		"own network":  {watching(via("dmz", "10.1.5.0/24")), []eroute.Selector{between("10.1.0.0/16", "0.0.0.0/0")}, []want{{Note, "dmz", "10.1.5.0/24"}}, ""},
		"not only own": {watching(via("dmz", "10.1.5.0/24"), via("dmz", "10.2.0.0/16")), []eroute.Selector{between("10.1.0.0/16", "0.0.0.0/0")}, []want{{Problem, "dmz", "10.2.0.0/16"}}, ""},
		"elsewhere":    {watching(via("lte", "10.3.0.0/16"), via("lte", "fe80::/64")), []eroute.Selector{site, between("::/0", "::/0")}, nil, ""},
		"IPv6":         {watching(via("lte", "::/0")), []eroute.Selector{site, between("2001:db8:1::/48", "2001:db8:2::/48")}, []want{{Problem, "lte", "2001:db8:2::/48"}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			x := newExits(test.facts)
			for _, s := range test.eroutes {
				if x.concern(s) {
					x.add(s)
				}
			}
			test.facts.Exits = x.list()
			checkFindings(t, exitCheck, test.facts, test.wants...)
			if found := exitCheck.find(test.facts); len(found) > 0 && !strings.Contains(found[0].Remedy, test.remedy) {
				t.Errorf("remedy %q, want %q", found[0].Remedy, test.remedy)
			}
		})
	}

	several := Route{Dst: netip.MustParsePrefix("0.0.0.0/0"), Devs: []string{"wan", "lte"}}
	f := watching(several, via("bond0", "0.0.0.0/0"), via("br0", "0.0.0.0/0"))
	f.Members = map[string][]string{"bond0": {"wan"}, "br0": {"wan", "eth9"}}
	x := newExits(f)
	x.add(site)
	var names []string
	for _, e := range x.list() {
		names = append(names, e.Dev)
	}
	if !slices.Equal(names, []string{"br0", "lte"}) {
		t.Errorf("exits %v, want br0 and lte", names)
	}
	f.Exits = x.list()
	checkFindings(t, exitCheck, f, want{Problem, "br0", "eth9, a member of br0, is not watched, but routes to 10.2.0.0/16, which eroutes protect, lead to br0"},
		want{Problem, "lte", "lte is not watched"})
	if remedy := exitCheck.find(f)[0].Remedy; !strings.Contains(remedy, "--physical eth9 in addition") {
		t.Errorf("remedy %q", remedy)
	}
	f.Members["br0"] = []string{"eth8", "eth9"}
	checkFindings(t, exitCheck, f, want{Problem, "br0", "br0 is not watched, but routes to 10.2.0.0/16, which eroutes protect, lead to it"}, want{Problem, "lte", ""})
}

func TestNAT(t *testing.T) {
	f := watching()
	checkFindings(t, natCheck, f)
	f.BlindToNAT = true
	checkFindings(t, natCheck, f, want{Note, "", "does not describe its connections"})
	f.BlindToNAT = false
	f.Table = &Table{Stats: maps.Stats{Reasons: []maps.ReasonCount{{Name: "translated", Packets: 7}}}}
	f.Translated = []eroute.Selector{between("10.1.0.0/16", "10.2.0.0/16"), between("2001:db8:1::/48", "::/0")}
	f.Translated[1].Proto, f.Translated[1].DstPort = unix.IPPROTO_TCP, 80
	checkFindings(t, natCheck, f, want{Problem, "", "7 protected packets"})
	const remedy = "exclude protected packets from NAT, such as: " +
		"nft insert rule ip nat POSTROUTING ip saddr 10.1.0.0/16 ip daddr 10.2.0.0/16 accept, or iptables -t nat -I POSTROUTING -s 10.1.0.0/16 -d 10.2.0.0/16 -j ACCEPT; " +
		"nft insert rule ip6 nat POSTROUTING ip6 saddr 2001:db8:1::/48 ip6 daddr ::/0 meta l4proto 6 th dport 80 accept, or ip6tables -t nat -I POSTROUTING -s 2001:db8:1::/48 -d ::/0 -p 6 --dport 80 -j ACCEPT; " +
		"existing connections keep their translation until conntrack -F"
	if got := natCheck.find(f)[0].Remedy; got != remedy {
		t.Errorf("remedy %q, want %q", got, remedy)
	}
}

func TestPrecedence(t *testing.T) {
	f := watching()
	checkFindings(t, precedenceCheck, f)
	policy := between("10.1.0.0/16", "10.2.0.0/16")
	f.Preceding = preceding([]eroute.Selector{policy}, between("10.3.0.0/16", "10.2.0.0/16"))
	checkFindings(t, precedenceCheck, f)
	f.Preceding = preceding([]eroute.Selector{policy}, between("10.1.9.0/24", "0.0.0.0/0"))
	checkFindings(t, precedenceCheck, f, want{Note, "10.1.0.0/16 -> 10.2.0.0/16", "applies before the eroute 10.1.9.0/24 -> 0.0.0.0/0"})
}

// TestWatchedDevice checks the programs of a watched interface, and that no routes are mentioned.
func TestWatchedDevice(t *testing.T) {
	f := watching()
	d := &f.Devices[0]
	d.After = []Foreign{{"wan", "other (id 7)", loader.HookWire}}
	d.Before = []Foreign{{"wan", "other (id 8)", loader.HookWire}}
	d.Detached = []loader.Hook{loader.HookWire}
	checkFindings(t, deviceCheck, f, want{Problem, "wan", "program other (id 7) runs after the wire program on wan"},
		want{Note, "wan", "runs before the wire program"}, want{Problem, "ipsec0", "wire program"})
	d.Up = false
	if got := deviceCheck.find(f)[0]; got.Cost != "packets with an SA drop" || got.Remedy != "ip link set ipsec0 up" {
		t.Errorf("down: %+v", got)
	}
	f.Forward4 = true
	f.Interfaces[0].Forward4, f.Interfaces[1].Forward4 = true, true
	checkFindings(t, forwardingCheck, f)
	f.Eroutes6 = true
	checkFindings(t, forwardingCheck, f, want{Problem, "", "net.ipv6.conf.all.forwarding is 0"})
}
