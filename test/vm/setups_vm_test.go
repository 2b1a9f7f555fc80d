// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// vlan is a VLAN interface on wan.
const vlan = "link add link wan name wan.10 type vlan id 10"

// inVRF are the commands that put interfaces of East into a VRF.
func inVRF(devs ...string) []string {
	lines := []string{"link add red type vrf table 10", "link set red up"}
	for _, dev := range devs {
		lines = append(lines, "link set "+dev+" master red")
	}
	return lines
}

// inTunnel are the commands that make a tunnel device, with routes into it.
func inTunnel(dev, kind string, own, peer string, nets ...netip.Prefix) []string {
	return []string{
		"link add " + dev + " type " + kind, "link set " + dev + " up",
		fmt.Sprintf("addr add 10.9.0.%s/24 dev %s", own, dev), fmt.Sprintf("addr add 2001:db8:9::%s/64 dev %s nodad", own, dev),
		fmt.Sprintf("route add %s via 10.9.0.%s dev %s", nets[0], peer, dev), fmt.Sprintf("route add %s via 2001:db8:9::%s dev %s metric 5", nets[1], peer, dev),
	}
}

// Each set-up of physical interfaces protects what has an eroute, and neither loses nor counts twice what leaves. Those
// that once leaked or lost packets are always tested, all of them by "make setups".
func TestSetups(t *testing.T) {
	for _, c := range []struct {
		always     bool
		name       string
		physical   []string
		routed     string   // the interface with the addresses and routes; "": added by the commands
		table      string   // of the routes
		socket     string   // interface that the gateway's own sockets are bound to
		east, west []string // ip commands
		last       []string // those of East after the routes
		ppp        bool     // both gateways have ppp0 on wan
	}{
		{name: "bridge", physical: []string{"br0"}, routed: "br0", east: []string{
			"link add br0 type bridge", "link set wan master br0", "link set br0 up",
		}},
		{name: "bond", physical: []string{"bond0"}, routed: "bond0", east: []string{
			"link add bond0 type bond mode active-backup miimon 10", "link set wan down", "link set wan master bond0", "link set bond0 up",
		}},
		{always: true, name: "VLAN with the tag in the frame", physical: []string{"wan.10"}, routed: "wan.10", east: []string{
			vlan + " reorder_hdr off", "link set wan.10 up",
		}},
		{name: "VLAN and below it", physical: []string{lab.WAN, "wan.10"}, routed: "wan.10", east: []string{vlan, "link set wan.10 up"}},
		{
			always: true, name: "VRF", physical: []string{lab.WAN}, routed: lab.WAN, table: "table 10", socket: "red", east: inVRF(lab.WAN, lab.LAN),
			last: []string{"addr replace 2001:db8:2::fe/64 dev lan nodad"},
		},
		{name: "VRF with a route that leads into it", physical: []string{lab.WAN}, routed: lab.WAN, table: "onlink", east: inVRF(lab.WAN), last: []string{
			fmt.Sprintf("route add %s dev lan table 10", lab.EastLAN4), fmt.Sprintf("route add %s dev lan table 10", lab.EastLAN6),
		}},
		{
			name: "GRE and below it", physical: []string{"gre1", lab.WAN},
			east: inTunnel("gre1", "gre local 192.1.2.23 remote 192.1.2.45", "1", "2", lab.WestLAN4, lab.WestLAN6),
			west: inTunnel("gre1", "gre local 192.1.2.45 remote 192.1.2.23", "2", "1", lab.EastLAN4, lab.EastLAN6),
		},
		{
			name: "IP in IPv6 and below it", physical: []string{"ip6tnl1", lab.WAN},
			east: inTunnel("ip6tnl1", "ip6tnl mode any encaplimit none local 2001:db8:12::17 remote 2001:db8:12::2d", "1", "2", lab.WestLAN4, lab.WestLAN6),
			west: inTunnel("ip6tnl1", "ip6tnl mode any encaplimit none local 2001:db8:12::2d remote 2001:db8:12::17", "2", "1", lab.EastLAN4, lab.EastLAN6),
		},
		{name: "PPP over Ethernet", ppp: true, physical: []string{"ppp0"}, routed: "ppp0"},
	} {
		if !c.always && testenv.Count(t, testenv.Setups, 0) == 0 {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			b := newLab(t)
			if c.ppp {
				b.connectPPP(t)
			}
			for _, n := range []struct {
				node  *lab.Node
				lines []string
			}{{b.East, c.east}, {b.West, c.west}} {
				if err := n.node.Batch(t.Context(), n.lines...); err != nil {
					t.Fatal(err)
				}
			}
			if c.routed != "" {
				if err := b.MoveWAN(t.Context(), b.East, c.routed, c.table); err != nil {
					t.Fatal(err)
				}
			}
			if c.routed == "wan.10" {
				if err := b.West.Batch(t.Context(), vlan, "link set wan.10 up"); err != nil {
					t.Fatal(err)
				}
				if err := b.MoveWAN(t.Context(), b.West, "wan.10", ""); err != nil {
					t.Fatal(err)
				}
			}
			if err := b.East.Batch(t.Context(), c.last...); err != nil {
				t.Fatal(err)
			}
			b.attachAs(t, device.Config{Virtual: virtual, Physical: c.physical[0], Also: c.physical[1:]})
			for _, e := range b.ends() {
				b.protects(t, e, c.socket)
			}
		})
	}
}

// connectPPP makes ppp0 of both gateways and moves West's addresses and routes to it.
func (b bench) connectPPP(t *testing.T) {
	t.Helper()
	ppp, err := b.PPP()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ppp.Close() })
	for _, n := range []*lab.Node{b.East, b.West} {
		if err := n.Batch(t.Context(), "link set ppp0 up"); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.MoveWAN(t.Context(), b.West, "ppp0", ""); err != nil {
		t.Fatal(err)
	}
}

// ends are the addresses of a family, at both ends.
type ends struct {
	tunnel              lab.Tunnel
	east, west          netip.Prefix
	own, host, westHost netip.Addr
}

func (b bench) ends() []ends {
	return []ends{
		{lab.Tunnel{}, lab.EastLAN4, lab.WestLAN4, b.East.LAN4, b.EastHost.LAN4, b.WestHost.LAN4},
		{lab.Tunnel{Src: b.East.WAN6, Dst: b.West.WAN6}, lab.EastLAN6, lab.WestLAN6, b.East.LAN6, b.EastHost.LAN6, b.WestHost.LAN6},
	}
}

// protects checks the verdicts for forwarded packets and for the gateway's own: nothing that is protected leaves
// East's wan in clear, each packet is counted once, and nothing else is lost.
func (b bench) protects(t *testing.T, e ends, socket string) {
	t.Helper()
	s := nets(e.east, e.west)
	answered := func(what string) {
		t.Helper()
		r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: e.westHost, Count: 3, Wait: 5 * time.Second})
		if err != nil || r.Received != 3 || r.Duplicates != 0 {
			t.Errorf("%s: ping %s: %+v, %v", what, e.westHost, r, err)
		}
	}
	for end := time.Now().Add(20 * time.Second); ; { // until interfaces are up
		r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: e.westHost, Count: 1, Wait: 100 * time.Millisecond})
		if err == nil && r.Received == 1 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("no answer from %s: %v", e.westHost, err)
		}
	}
	send := lab.Sender{Node: b.East, Owner: lab.Nobody, Type: unix.SOCK_DGRAM, Src: netip.AddrPortFrom(e.own, 0), Device: socket}
	peer := fmt.Sprintf("tun0x999@%s", b.West.WAN4)
	if e.own.Is6() {
		peer = fmt.Sprintf("tun0x999@%s", b.West.WAN6)
	}
	for _, said := range []string{"%drop", peer} { // TestSetups of test/netns has the others
		b.apply(t, eroute.Change{Op: eroute.OpReplace, Selector: s, SAID: parseSAID(t, said)})
		stop, before := watch(t, b.East, lab.WAN), b.reasons(t)
		if err := send.Send(netip.AddrPortFrom(e.westHost, 4000), []byte(lab.Marker)); err != nil {
			t.Fatal(err)
		}
		r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: e.westHost, Count: 2, Wait: 100 * time.Millisecond})
		if err != nil || r.Received != 0 {
			t.Errorf("%s: ping: %+v, %v", said, r, err)
		}
		if n := stop().Containing([]byte(lab.Marker)); n != 0 {
			t.Errorf("%s: %d packets left in clear", said, n)
		}
		if n := total(b.reasons(t)) - total(before); n != 3 {
			t.Errorf("%s: counted %d packets, want 3", said, n)
		}
	}
	b.apply(t, eroute.Change{Op: eroute.OpReplace, Selector: s, SAID: eroute.Pass})
	before := b.reasons(t)
	answered("%pass")
	checkReasons(t, before, b.reasons(t), map[string]uint64{"pass": 3})
	b.del(t, s)
	before = b.reasons(t)
	answered("no eroute")
	checkReasons(t, before, b.reasons(t), nil)
	t.Run("SA of "+e.own.String(), func(t *testing.T) {
		sa := b.connect(t, e.tunnel, e.east, e.west)
		b.add(t, s, sa.TunSAID())
		stop, before := watch(t, b.East, lab.WAN), b.reasons(t)
		answered("SA")
		frames := stop()
		if n := frames.Count(lab.Match{Outgoing: true, Proto: layers.IPProtocolESP}); n != 3 {
			t.Errorf("%d packets of ESP left, want 3", n)
		}
		if n := frames.Select(lab.Match{Outgoing: true}).Containing([]byte(lab.Marker)); n != 0 {
			t.Errorf("SA: %d packets left in clear", n)
		}
		checkReasons(t, before, b.reasons(t), map[string]uint64{"sa": 3})
	})
}

func total(reasons map[string]uint64) (n uint64) {
	for _, packets := range reasons {
		n += packets
	}
	return n
}

// Tagged frames that leave through a watched interface belong to the VLAN interface, which the doctor names if it is
// not watched. A VRF cannot be watched: packets do not leave through it.
func TestPhysicalLimits(t *testing.T) {
	b := newLab(t)
	for _, n := range []*lab.Node{b.East, b.West} {
		if err := n.Batch(t.Context(), vlan, "link set wan.10 up"); err != nil {
			t.Fatal(err)
		}
		if err := b.MoveWAN(t.Context(), n, "wan.10", ""); err != nil {
			t.Fatal(err)
		}
	}
	b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN})
	b.add(t, nets(lab.EastLAN4, lab.WestLAN4), "%drop")
	before := b.reasons(t)
	r, err := b.EastHost.Ping(within(t, 20*time.Second), lab.Ping{Dst: b.WestHost.LAN4, Count: 2, Wait: 5 * time.Second})
	if err != nil || r.Received != 2 {
		t.Errorf("ping: %+v, %v", r, err)
	}
	checkReasons(t, before, b.reasons(t), nil)
	b.doctorHas(t, "exit", "wan.10 is not watched, but routes to 192.0.1.0/24, which eroutes protect, lead to it")

	if err := b.East.Batch(t.Context(), inVRF()...); err != nil {
		t.Fatal(err)
	}
	b.write(t, func(table *maps.Table) error {
		_, err := device.Attach(t.Context(), table, device.Config{Virtual: "ipsec1", Physical: "red"})
		if err == nil || !strings.Contains(err.Error(), "--physical red: is a VRF") {
			t.Errorf("attach to a VRF: %v", err)
		}
		return nil
	})
}
