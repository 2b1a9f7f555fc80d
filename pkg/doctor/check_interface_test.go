// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"net/netip"
	"testing"

	"github.com/ipsec-eroute/eroute/pkg/maps"
)

func TestXDP(t *testing.T) {
	for _, test := range []struct {
		in    Interface
		wants []want
	}{
		{in: Interface{Ingress: true, XDP: XDP{Native: Yes, Program: "eroute_xdp (id 7)", Ours: true}}},
		{Interface{Ingress: true, XDP: XDP{Native: Yes, Program: "xdp_filter (id 9)"}}, []want{{Note, "lan", "another XDP program: xdp_filter (id 9)"}}},
		{Interface{Ingress: true, XDP: XDP{Native: Yes}}, []want{{Note, "lan", "supports XDP"}}},
		{Interface{Ingress: true, XDP: XDP{Native: Unknown, Program: "eroute_xdp (id 7)", Ours: true, Generic: true}}, []want{{Note, "lan", "driver of lan"}}},
		{Interface{Ingress: true, XDP: XDP{Native: No}}, []want{{Note, "lan", "driver of lan"}}},
		{Interface{Ingress: true, XDP: XDP{Native: Yes, Program: "eroute_xdp (id 7)", Ours: true, LeftToTC: "it has VLAN interfaces (lan.10)"}}, []want{{Note, "lan", "to TC: it has VLAN interfaces (lan.10)"}}},
		{in: Interface{Physical: true, XDP: XDP{Native: No}}},
	} {
		test.in.Name, test.in.Exists = "lan", true
		checkFindings(t, xdpCheck, &Facts{Devices: []Device{ipsec0()}, Interfaces: []Interface{test.in}}, test.wants...)
	}
	// Without devices all interfaces are checked.
	checkFindings(t, xdpCheck, &Facts{Interfaces: []Interface{{Name: "eth0", Exists: true, XDP: XDP{Native: No}}, {Name: "eth1", Exists: true, XDP: XDP{Native: Yes}}}},
		want{Note, "eth0", "driver of eth0"})
}

func TestOffload(t *testing.T) {
	f := &Facts{Table: &Table{}, Interfaces: []Interface{{Name: "lan", Ingress: true, GRO: true}, {Name: "wan", Physical: true, LRO: true}}}
	checkFindings(t, offloadCheck, f, want{Problem, "wan", "LRO"})
	f.Table.Reasons = []maps.ReasonCount{{Name: "pass", Packets: 9}, {Name: "hold-not-stored", Packets: 2}}
	checkFindings(t, offloadCheck, f, want{Note, "lan", "could not keep 2 packets"}, want{Problem, "wan", "LRO"})
}

// forwardingFacts returns the facts of a gateway that routes both families into ipsec0.
func forwardingFacts() *Facts {
	return &Facts{
		Devices: []Device{ipsec0()}, Forward4: true, Forward6: true,
		Interfaces: []Interface{
			{Name: "lan", Ingress: true, Exists: true, Forward4: true},
			{Name: "wan", Physical: true, Exists: true, Forward4: true, RPFilter: 2},
		},
		Routes: []Route{
			{Dst: netip.MustParsePrefix("10.2.0.0/16"), Dev: "ipsec0", IPsec: true},
			{Dst: netip.MustParsePrefix("2001:db8:2::/48"), Dev: "ipsec0", IPsec: true},
		},
	}
}

func TestForwarding(t *testing.T) {
	f := forwardingFacts()
	checkFindings(t, forwardingCheck, f)
	f.Interfaces[1].Forward4 = false
	checkFindings(t, forwardingCheck, f, want{Problem, "wan", "net.ipv4.conf.wan.forwarding is 0"})
	f.Forward4 = false // each interface has a sysctl of its own
	checkFindings(t, forwardingCheck, f, want{Problem, "wan", "net.ipv4.conf.wan.forwarding is 0"})
	f.Interfaces[0].Forward4, f.Forward6 = false, false
	checkFindings(t, forwardingCheck, f, want{Problem, "", "net.ipv4.ip_forward is 0"}, want{Problem, "", "net.ipv6.conf.all.forwarding is 0"})
	f.Interfaces = f.Interfaces[1:] // the gateway may handle only its own packets
	checkFindings(t, forwardingCheck, f, want{Note, "", "net.ipv4.ip_forward is 0"}, want{Note, "", "net.ipv6.conf.all.forwarding is 0"})
	f.Routes = nil
	checkFindings(t, forwardingCheck, f)
}

func TestRPFilter(t *testing.T) {
	f := forwardingFacts()
	checkFindings(t, rpFilterCheck, f)
	f.Interfaces[1].RPFilter = 1
	checkFindings(t, rpFilterCheck, f, want{Note, "wan", "strict"})
	f.Table = &Table{Stats: maps.Stats{Reasons: []maps.ReasonCount{{Name: "pass", Packets: 1}}}}
	checkFindings(t, rpFilterCheck, f, want{Problem, "wan", "strict"})
	f.Interfaces[0].RPFilter, f.Interfaces[1].RPFilter = 1, 0
	checkFindings(t, rpFilterCheck, f)
}
