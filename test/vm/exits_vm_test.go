// SPDX-License-Identifier: Apache-2.0

//go:build vm

package vm

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/doctor"
)

// The doctor names a VLAN on a watched interface as an exit, whose frames the program does not match, and a member of
// a bond that is not watched. If all are, the bond's packets are matched.
func TestExits(t *testing.T) {
	b := newLab(t)
	ip(t, b.East, "link add link wan name wan.10 type vlan id 10")
	ip(t, b.East, "link set wan.10 up")
	ip(t, b.East, "link add bond0 type bond mode active-backup")
	for _, port := range []string{"port1", "port2"} {
		ip(t, b.East, "link add "+port+" type veth peer name far-"+port)
		ip(t, b.East, "link set far-"+port+" up")
		ip(t, b.East, "link set "+port+" master bond0")
	}
	ip(t, b.East, "link set bond0 up")
	dst := netip.MustParsePrefix("198.51.100.0/24")
	send := func(want uint64) {
		t.Helper()
		before := b.reasons(t)
		s := lab.Sender{Node: b.East, Type: unix.SOCK_DGRAM, Src: netip.AddrPortFrom(b.East.LAN4, 4000)}
		if err := s.Send(netip.AddrPortFrom(dst.Addr().Next(), 4001), []byte("exit")); err != nil {
			t.Fatal(err)
		}
		counts := map[string]uint64{}
		if want > 0 {
			counts["drop"] = want
		}
		time.Sleep(100 * time.Millisecond)
		checkReasons(t, before, b.reasons(t), counts)
	}
	const protects = " is not watched, but routes to 198.51.100.0/24, which eroutes protect, lead to "
	for _, c := range []struct {
		name, dev string
		also      []string
		exit      string
	}{
		{"VLAN", "wan.10", nil, "wan.10" + protects + "it"},
		{"bond, one member", "bond0", []string{"port1"}, "port2, a member of bond0," + protects + "bond0"},
		{"bond, all members", "bond0", []string{"port1", "port2"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN, Also: c.also, Ingress: []string{lab.LAN}})
			b.add(t, nets(lab.EastLAN4, dst), "%drop")
			ip(t, b.East, "route add "+dst.String()+" dev "+c.dev)
			t.Cleanup(func() { ip(t, b.East, "route del "+dst.String()+" dev "+c.dev) })
			ip(t, b.East, "neigh add 198.51.100.1 lladdr 02:00:00:00:00:09 dev "+c.dev)
			t.Cleanup(func() { ip(t, b.East, "neigh del 198.51.100.1 dev "+c.dev) })
			var wants [][2]string
			if c.exit != "" {
				wants = append(wants, [2]string{"exit", c.exit})
			}
			b.doctor(t, wants...)
			switch c.name {
			case "bond, one member": // the active one is that
			case "bond, all members":
				send(1)
			default:
				send(0)
			}
		})
	}
}

// The doctor notes filters of tc(8) on the egress of a watched interface: they run after the program, and redirect
// what it has passed.
func TestFiltersAfterWatching(t *testing.T) {
	b := newLab(t)
	b.attachAs(t, device.Config{Virtual: virtual, Physical: lab.WAN})
	filters := func() (texts []string) {
		t.Helper()
		for _, f := range b.examine(t) {
			if f.Check == "device" && f.Level == doctor.Note && strings.HasPrefix(f.Text, "tc filter") {
				texts = append(texts, f.Text)
			}
		}
		return texts
	}
	tc := func(args string) {
		t.Helper()
		if out, err := b.East.Command(t.Context(), "tc", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("tc %s: %v: %s", args, err, out)
		}
	}
	if got := filters(); got != nil {
		t.Errorf("without filters: %q", got)
	}
	ip(t, b.East, "link add lte type veth peer name far")
	ip(t, b.East, "link set lte up")
	ip(t, b.East, "link set far up")
	tc("qdisc add dev wan clsact")
	if got := filters(); got != nil {
		t.Errorf("without filters: %q", got)
	}
	tc("filter add dev wan ingress pref 6 matchall action pass")
	tc("filter add dev wan egress pref 7 protocol ip u32 match ip protocol 17 0xff action mirred egress redirect dev lte")
	tc("filter add dev wan egress pref 8 protocol ip flower ip_proto sctp action pass")
	want := []string{"tc filter u32 (pref 7) runs after the wire program on wan", "tc filter flower (pref 8) runs after the wire program on wan"}
	if got := filters(); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	c, err := b.East.Capture("lte")
	if err != nil {
		t.Fatal(err)
	}
	s := lab.Sender{Node: b.East, Type: unix.SOCK_DGRAM, Src: netip.AddrPortFrom(b.East.LAN4, 4000)}
	if err := s.Send(netip.AddrPortFrom(b.WestHost.LAN4, 4001), []byte("redirected")); err != nil {
		t.Fatal(err)
	}
	match := lab.Match{Outgoing: true, Dst: lab.Only(b.WestHost.LAN4)}
	if err := c.Wait(within(t, 10*time.Second), match, 1); err != nil {
		t.Errorf("nothing was redirected: %v", err)
	}
	if _, err := c.Stop(); err != nil {
		t.Error(err)
	}
	for _, pref := range []string{"7", "8"} { // the remedy
		tc("filter del dev wan egress pref " + pref)
	}
	if got := filters(); got != nil {
		t.Errorf("after the remedy: %q", got)
	}
}
