// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// watching returns a gateway of its own that watches wan, with the default for packets without an eroute.
// No route leads into ipsec0.
func watching(t *testing.T, ingress ...string) *gateway {
	t.Helper()
	g := newDetached(t)
	g.mode = watched
	g.attachAs(t, device.Config{Virtual: ipsec0, Physical: lab.WAN, Ingress: ingress})
	t.Cleanup(func() {
		if err := g.detach(ipsec0); err != nil {
			t.Error(err)
		}
	})
	g.limitICMP(t, false)
	return g
}

// Packets without an eroute leave a watched interface as they are, and are not counted.
func TestUnmatched(t *testing.T) {
	g := watching(t, lab.LAN)
	for _, f := range g.families() {
		g.only(t, from(f.eastNet, lab.Only(f.wan), eroute.Drop))
		before := g.counts(t)
		for _, n := range []*lab.Node{g.EastHost, g.East} {
			if r, err := n.Ping(within(t, patience), lab.Ping{Dst: f.westHost, Count: 3}); err != nil || r.Received != 3 {
				t.Errorf("%s: ping from %s: %+v, %v", f.name, n.Name, r, err)
			}
		}
		g.counted(t, before, reason("none", 0))
	}
}

// Whoever sends it and whatever route it takes, a packet meets the table: an unprivileged user's socket that is
// bound to the interface or names it per packet, a route that is more specific, one in another table, several
// paths.
func TestWaysOut(t *testing.T) {
	g := watching(t)
	wan := g.ifindex(t, lab.WAN)
	for _, f := range g.families() {
		ip := map[string]string{"v4": "-4", "v6": "-6"}[f.name]
		user := lab.Sender{Node: g.East, Owner: lab.Nobody, Type: unix.SOCK_DGRAM, Src: netip.AddrPortFrom(f.eastLAN, 0)}
		to := netip.AddrPortFrom(f.westHost, 4000)
		for _, c := range []struct {
			name   string
			routes []string
			user   func(*lab.Sender)
		}{
			{"the lab's route", nil, func(*lab.Sender) {}},
			{"SO_BINDTODEVICE", nil, func(s *lab.Sender) { s.Device = lab.WAN }},
			{"IP_UNICAST_IF", nil, func(s *lab.Sender) { s.UnicastIf = wan }},
			{"IP_PKTINFO", nil, func(s *lab.Sender) { s.PktInfo = wan }},
			{"the IKE port", nil, func(s *lab.Sender) { s.Src = netip.AddrPortFrom(f.eastLAN, 4500) }},
			{"a host route", []string{fmt.Sprintf("route add %s via %s dev wan", f.westHost, f.wan)}, func(*lab.Sender) {}},
			{"another table", []string{
				fmt.Sprintf("route add default via %s dev wan table 77", f.wan),
				fmt.Sprintf("rule add from %s lookup 77 priority 50", f.eastLAN),
			}, func(*lab.Sender) {}},
			{"two paths", []string{
				fmt.Sprintf("route add %s nexthop via %s dev wan nexthop via %s dev wan", lab.Only(f.westHost), f.wan, f.wan),
			}, func(*lab.Sender) {}},
			{"a nexthop object", []string{
				fmt.Sprintf("nexthop add id 77 via %s dev wan", f.wan),
				fmt.Sprintf("route add %s nhid 77", lab.Only(f.westHost)),
			}, func(*lab.Sender) {}},
		} {
			t.Run(f.name+"/"+c.name, func(t *testing.T) {
				if f.name == "v6" && c.name == "two paths" {
					return // IPv6 refuses two paths to one gateway
				}
				for _, route := range c.routes {
					g.ip(t, ip+" "+route)
					undo := strings.Replace(route, " add ", " del ", 1)
					if strings.HasPrefix(route, "nexthop") { // which is deleted by its number alone
						undo, _, _ = strings.Cut(undo, " via ")
					}
					t.Cleanup(func() {
						if _, err := g.East.IP(context.Background(), strings.Fields(ip+" "+undo)...); err != nil {
							t.Error(err)
						}
					})
				}
				for _, said := range []eroute.SAID{eroute.Drop, eroute.Reject, eroute.Hold, eroute.Trap, said(f.wan)} {
					g.only(t, from(f.eastNet, f.westNet, said))
					wire, before := g.watchWire(t), g.counts(t)
					s := user
					c.user(&s)
					if err := s.Send(to, []byte("user")); err != nil {
						t.Fatal(err)
					}
					if r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: f.westHost, Count: 2, Wait: 20e6}); err != nil || r.Received != 0 {
						t.Errorf("%v: ping: %+v, %v", said, r, err)
					}
					if !eventually(t, func() bool { return g.counts(t).since(before).total() == 3 }) {
						t.Errorf("%v: counted %+v, want 3 packets", said, g.counts(t).since(before))
					}
					wire(0)
				}
				g.only(t, from(f.eastNet, f.westNet, eroute.Pass))
				before := g.counts(t)
				if r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: f.westHost, Count: 5}); err != nil || r.Received != 5 {
					t.Errorf("%%pass: ping: %+v, %v", r, err)
				}
				g.counted(t, before, reason("pass", 5))
			})
		}
	}
}

// ifindex returns the ifindex of East's interface.
func (g *gateway) ifindex(t *testing.T, name string) (index int) {
	t.Helper()
	err := g.East.Do(func() error {
		i, err := net.InterfaceByName(name)
		if err == nil {
			index = i.Index
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// NAT on the watched interface: %pass and packets without an eroute are translated; packets that are protected
// with their source before NAT drop, whatever they match after it.
func TestNAT(t *testing.T) {
	for _, ingress := range [][]string{nil, {lab.LAN}} {
		g := watching(t, ingress...)
		g.netfilter(t, "chain post { type nat hook postrouting priority srcnat; oifname wan masquerade; }")
		for _, f := range g.families() {
			other := netip.PrefixFrom(netip.MustParseAddr("203.0.113.0"), 24)
			if f.name == "v6" {
				other = netip.PrefixFrom(netip.MustParseAddr("2001:db8:77::"), 48)
			}
			for _, c := range []struct {
				name    string
				eroutes []eroute.Change
				want    counts
				left    int
			}{
				{"none", []eroute.Change{from(f.eastNet, other, eroute.Drop)}, reason("none", 0), 4},
				{"pass", []eroute.Change{from(all4Or6(f), f.westNet, eroute.Pass)}, reason("pass", 4), 4},
				{"SA", []eroute.Change{from(f.eastNet, f.westNet, said(f.wan))}, noEroute("translated", 4), 0},
				{"SA, and pass after NAT", []eroute.Change{
					from(f.eastNet, f.westNet, said(f.wan)), from(lab.Only(f.eastWAN), f.westNet, eroute.Pass),
				}, noEroute("translated", 4), 0},
				{"trap", []eroute.Change{from(f.eastNet, f.westNet, eroute.Trap)}, noEroute("translated", 4), 0},
				{"hold", []eroute.Change{from(f.eastNet, f.westNet, eroute.Hold)}, noEroute("translated", 4), 0},
			} {
				t.Run(fmt.Sprint(f.name, " ", c.name, " ", ingress), func(t *testing.T) {
					g.only(t, c.eroutes...)
					wire, before := g.watchWire(t), g.counts(t)
					r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: f.westHost, Count: 4, Wait: 100e6})
					if err != nil || r.Received != c.left {
						t.Errorf("ping: %+v, %v, want %d answers", r, err, c.left)
					}
					g.counted(t, before, c.want)
					for _, frame := range wire(c.left) {
						if h, _ := frame.Header(); h.Src != f.eastWAN {
							t.Errorf("left from %s, want %s", h.Src, f.eastWAN)
						}
					}
				})
			}
		}
	}
}

func all4Or6(f family) netip.Prefix {
	if f.name == "v6" {
		return all6
	}
	return all4
}

// Eroutes for everything do not stop the link's own traffic: neighbour discovery, also to a unicast address,
// and multicast of the link.
func TestLinkScope(t *testing.T) {
	g := watching(t)
	for _, f := range g.families() {
		g.only(t, append(all(eroute.Drop), from(f.eastNet, f.westNet, eroute.Pass))...)
		for range 2 {
			g.coldNeighbours(t)
			if r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: f.westHost, Count: 2}); err != nil || r.Received != 2 {
				t.Errorf("%s: ping: %+v, %v", f.name, r, err)
			}
		}
		group := map[string]string{"v4": "224.0.0.251", "v6": "ff02::fb"}[f.name]
		stop := g.captureWAN(t)
		user := lab.Sender{Node: g.East, Owner: lab.Nobody, Type: unix.SOCK_DGRAM, Device: lab.WAN}
		if err := user.Send(netip.AddrPortFrom(netip.MustParseAddr(group), 5353), []byte("group")); err != nil {
			t.Fatal(err)
		}
		if n := stop().Count(lab.Match{Outgoing: true, Dst: lab.Only(netip.MustParseAddr(group))}); n != 1 {
			t.Errorf("%s: %d packets to %s left, want 1", f.name, n, group)
		}
	}
}

// A frame of a packet socket is matched, whatever protocol the socket claims; one that passes the queueing
// discipline by is not.
func TestPacketSockets(t *testing.T) {
	g := watching(t)
	for _, f := range g.families() {
		g.only(t, all(eroute.Drop)...)
		frame, err := g.East.Frame(lab.WAN, 0, udpPacket(t, netip.AddrPortFrom(f.eastLAN, 4000), netip.AddrPortFrom(f.westHost, 53)))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			socket lab.PacketSocket
			left   int
		}{
			{lab.PacketSocket{Protocol: unix.ETH_P_IP}, 0},
			{lab.PacketSocket{Protocol: unix.ETH_P_LOOPBACK}, 0},
			{lab.PacketSocket{Protocol: unix.ETH_P_IP, Bypass: true}, 1},
		} {
			wire, err := g.West.Capture(lab.WAN) // East's capture does not see a frame that passes the queueing discipline by
			if err != nil {
				t.Fatal(err)
			}
			before := g.counts(t)
			if err := g.East.SendBy(c.socket, lab.WAN, frame); err != nil {
				t.Fatal(err)
			}
			g.counted(t, before, reason("drop", 1-c.left))
			frames, err := wire.Stop()
			if n := frames.Count(lab.Match{Src: lab.Only(f.eastLAN), Dst: lab.Only(f.westHost)}); err != nil || n != c.left {
				t.Errorf("%s: %+v: %d packets left, %v, want %d", f.name, c.socket, n, err, c.left)
			}
		}
	}
}

// A watched interface that is deleted and created again is watched again: by the relay, or by --sync.
func TestWatchedAgain(t *testing.T) {
	for _, follower := range followers {
		t.Run(follower, func(t *testing.T) {
			g := watching(t)
			if follower == "relay" {
				g.startRelay(t)
			}
			for range 2 {
				if err := g.Unplug(g.East, lab.WAN); err != nil {
					t.Fatal(err)
				}
				if err := g.Replug(g.East, lab.WAN); err != nil {
					t.Fatal(err)
				}
				if follower == "sync" {
					if err := g.write(func(table *maps.Table) error {
						_, err := device.Follow(table)
						return err
					}); err != nil {
						t.Fatal(err)
					}
				}
				watches := func() (is bool) {
					g.read(t, func(table *maps.Table) error {
						all, err := table.Watched()
						_, is = all[uint32(g.ifindex(t, lab.WAN))]
						return err
					})
					return is
				}
				if !eventually(t, watches) {
					t.Fatal("wan is not watched")
				}
				for _, f := range g.families() {
					g.only(t, from(f.eastNet, f.westNet, eroute.Drop))
					wire, before := g.watchWire(t), g.counts(t)
					if r, err := g.EastHost.Ping(context.WithoutCancel(t.Context()), lab.Ping{Dst: f.westHost, Count: 3, Wait: 20e6}); err != nil || r.Received != 0 {
						t.Errorf("ping: %+v, %v", r, err)
					}
					g.counted(t, before, reason("drop", 3))
					wire(0)
				}
			}
		})
	}
}

// The gateway's own ICMP errors are matched as the packets that they quote: those come from the peer, decrypted.
func TestQuotedPackets(t *testing.T) {
	g := watching(t)
	for _, f := range g.families() {
		for _, c := range []struct {
			said eroute.SAID
			want counts
			told int
		}{
			{eroute.Drop, reason("drop", 3), 0},
			{eroute.Reject, reason("reject", 3), 0},
			{eroute.Hold, reason("hold-not-stored", 3), 0},
			{eroute.Trap, reason("hold-not-stored", 3), 0},
			{eroute.Pass, reason("none", 0), 3},
		} {
			g.only(t, from(f.eastNet, f.westNet, c.said))
			wire, before := g.watchWire(t), g.counts(t)
			r, err := g.WestHost.Ping(within(t, patience), lab.Ping{Dst: f.eastHost, TTL: 2, Count: 3, Wait: 100e6})
			if err != nil || len(r.Errors) != c.told {
				t.Errorf("%s %v: ping: %+v, %v, want %d errors", f.name, c.said, r, err, c.told)
			}
			g.counted(t, before, c.want)
			wire(c.told)
		}
	}
}

// Each of several physical interfaces is watched, whichever of them routing chooses; also after one went.
func TestTwoWANs(t *testing.T) {
	g := newDetached(t)
	g.mode = watched
	g.ip(t, "link add wan2 up type veth peer name wan2 netns "+g.West.Namespace)
	for _, n := range []*lab.Node{g.East, g.West} {
		last := map[*lab.Node]string{g.East: "1", g.West: "2"}[n]
		for _, args := range []string{"link set wan2 up", "addr add 198.51.100." + last + "/24 dev wan2", "addr add 2001:db8:77::" + last + "/64 dev wan2 nodad"} {
			if _, err := n.IP(t.Context(), strings.Fields(args)...); err != nil {
				t.Fatal(err)
			}
		}
	}
	g.attachAs(t, device.Config{Virtual: ipsec0, Physical: lab.WAN, Also: []string{"wan2"}})
	defer func() {
		if err := g.detach(ipsec0); err != nil {
			t.Error(err)
		}
	}()
	wan2 := map[string]string{"v4": "198.51.100.2", "v6": "2001:db8:77::2"}
	for _, f := range g.families() {
		g.ip(t, fmt.Sprintf("route replace %s metric 1 nexthop via %s dev wan nexthop via %s dev wan2", f.westNet, f.wan, wan2[f.name]))
	}
	try := func(f family, said eroute.SAID, answers int) {
		t.Helper()
		g.only(t, from(f.eastNet, f.westNet, said))
		c, err := g.West.Capture("wan2")
		if err != nil {
			t.Fatal(err)
		}
		wire, before := g.captureWAN(t), g.counts(t)
		for range 20 { // flows, by their identifier
			if r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: f.westHost, Count: 1, Wait: 20e6}); err != nil || r.Received > answers {
				t.Errorf("%s %v: ping: %+v, %v", f.name, said, r, err)
			}
		}
		g.counted(t, before, reason(strings.TrimPrefix(said.String(), "%"), 20))
		frames, err := c.Stop()
		left := frames.Count(lab.Match{Dst: lab.Only(f.westHost)}) + wire().Count(lab.Match{Dst: lab.Only(f.westHost)})
		if err != nil || left != 20*answers {
			t.Errorf("%s %v: %d packets left, %v, want %d", f.name, said, left, err, 20*answers)
		}
	}
	for _, f := range g.families() {
		try(f, eroute.Drop, 0)
		try(f, eroute.Pass, 1)
	}
	if err := g.Unplug(g.East, lab.WAN); err != nil {
		t.Fatal(err)
	}
	if err := g.Replug(g.East, lab.WAN); err != nil {
		t.Fatal(err)
	}
	if err := g.write(func(table *maps.Table) error {
		_, err := device.Follow(table)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for _, f := range g.families() {
		g.ip(t, fmt.Sprintf("route replace %s via %s dev wan2 metric 1", f.westNet, wan2[f.name]))
		try(f, eroute.Drop, 0)
		try(f, eroute.Pass, 1)
	}
}

// While ipsec0 is deleted and attached again, also with other options, wan stays watched.
func TestAttachAgain(t *testing.T) {
	g := watching(t)
	configs := []device.Config{
		{Virtual: ipsec0, Physical: lab.WAN},
		{Virtual: ipsec0, Physical: lab.WAN, DropUnmatched: true},
		{Virtual: ipsec0, Physical: lab.WAN, Ingress: []string{lab.LAN}},
	}
	for _, f := range g.families() {
		g.only(t, from(f.eastNet, f.westNet, eroute.Drop))
		wire := g.watchWire(t)
		s := &lab.Stream{From: g.EastHost, Src: netip.AddrPortFrom(f.eastHost, 0), Dst: netip.AddrPortFrom(f.westHost, 9), Rate: 1000}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		for _, c := range configs {
			g.ip(t, "link del ipsec0")
			g.attachAs(t, c)
		}
		if n, err := s.Stop(); err != nil || n < 50 {
			t.Errorf("%d packets sent, %v", n, err)
		}
		wire(0)
	}
	g.ip(t, "link del ipsec0")
	g.attachAs(t, device.Config{Virtual: ipsec0, Physical: lab.WAN, Routed: true})
	g.read(t, func(table *maps.Table) error {
		watched, err := table.Watched()
		if len(watched) != 0 {
			t.Errorf("%v are watched after an attach with --routed", watched)
		}
		return err
	})
}
