// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// newWatched is a gateway that watches wan and drops what its only eroutes match, without routes into ipsec0.
func newWatched(t *testing.T) *gateway {
	t.Helper()
	g := newDetached(t)
	g.attachAs(t, device.Config{Virtual: ipsec0, Physical: lab.WAN, Ingress: []string{lab.LAN}})
	g.only(t, from(lab.EastLAN4, lab.WestLAN4, eroute.Drop), from(lab.EastLAN6, lab.WestLAN6, eroute.Drop))
	return g
}

// A gateway that watches wan needs neither routes nor blackholes. Interfaces past which protected packets can
// leave are named, and not if the remedy is applied.
func TestDoctorWatched(t *testing.T) {
	path := testenv.Ipsec(t)
	g := newWatched(t)
	all := g.doctor(t, path)
	found(t, all)
	mode := ""
	for _, f := range all {
		if f.Check == "watch" {
			mode += f.Text
		}
		if f.Check == "route" || f.Check == "leak" {
			t.Errorf("unexpected: %+v", f)
		}
	}
	if want := "ipsec0 watches wan: packets without an eroute leave as they are" +
		"ipsec0 is not strict, and XFRM has no in or fwd policy with an SA: packets that must be encrypted can arrive in clear"; mode != want {
		t.Errorf("mode %q, want %q", mode, want)
	}

	g.ip(t, "link add lte type veth peer name far")
	g.ip(t, "link set lte up")
	g.ip(t, "link set far up")
	g.ip(t, "route add default dev lte")
	exit := [3]string{"problem", "exit", "lte is not watched, but routes to 192.0.1.0/24, which eroutes protect, lead to it"}
	all = g.doctor(t, path)
	found(t, all, exit)
	for _, f := range all {
		if f.Check == "exit" && !strings.Contains(f.Remedy, "attach ipsec0 again with --physical lte in addition") {
			t.Errorf("remedy %q", f.Remedy)
		}
	}
	g.ip(t, "route del default dev lte")
	found(t, g.doctor(t, path))
}

// An XFRM policy without if_id applies before the eroutes, which the doctor reports, unless the destination is
// routed into ipsec0.
func TestDoctorPrecedence(t *testing.T) {
	path := testenv.Ipsec(t)
	g := newWatched(t)
	g.only(t, from(lab.EastLAN4, lab.WestLAN4, eroute.Trap)) // which the fast path does not drop
	ping := func(want string) {
		t.Helper()
		before := g.counts(t)
		if _, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: g.WestHost.LAN4, Count: 1, Wait: 300 * time.Millisecond}); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(g.counts(t).since(before).Reasons); got != want {
			t.Errorf("counted %s, want %s", got, want)
		}
	}
	ping("map[trap-no-relay:1]")
	g.ip(t, fmt.Sprintf("xfrm policy add src %s dst %s dir out tmpl src %s dst %s proto esp reqid 7 mode tunnel",
		lab.EastLAN4, lab.WestLAN4, g.East.WAN4, g.West.WAN4))
	found(t, g.doctor(t, path), [3]string{"problem", "relay", "no relay"},
		[3]string{"note", "precedence", "the XFRM policy 192.0.2.0/24 -> 192.0.1.0/24 applies before the eroute 192.0.2.0/24 -> 192.0.1.0/24"})
	ping("map[]")
	g.ip(t, fmt.Sprintf("route replace %s dev %s", lab.WestLAN4, ipsec0))
	g.syncRoutes(t)
	found(t, g.doctor(t, path), [3]string{"problem", "relay", "no relay"})
	ping("map[trap-no-relay:1]")
}

// Programs before and after the one that watches an interface are named, and a detached one is; --sync
// attaches it again.
func TestDoctorWatchedPrograms(t *testing.T) {
	path := testenv.Ipsec(t)
	g := newWatched(t)
	occupyTC(t, g.East, lab.WAN, ebpf.AttachTCXEgress, link.Head())
	found(t, g.doctor(t, path), [3]string{"note", "device", "runs before the wire program on wan"})
	occupyTC(t, g.East, lab.WAN, ebpf.AttachTCXEgress, link.Tail())
	found(t, g.doctor(t, path), [3]string{"note", "device", "runs before the wire program on wan"},
		[3]string{"problem", "device", "runs after the wire program on wan"})

	g = newWatched(t)
	err := g.write(func(table *maps.Table) error {
		links, err := table.Dir().Links(ipsec0)
		if err != nil {
			return err
		}
		on, err := links.On(loader.HookWire)
		if err != nil || len(on) != 1 {
			return fmt.Errorf("%v, %w", on, err)
		}
		return links.Detach(on[0], loader.HookWire)
	})
	if err != nil {
		t.Fatal(err)
	}
	found(t, g.doctor(t, path), [3]string{"problem", "sync", "the program that watches wan is detached"})
	if _, stderr, err := g.command(t, path, "eroute --sync"); err != nil {
		t.Error(err, stderr)
	}
	found(t, g.doctor(t, path))
}

// Protected packets whose source NAT changes drop, and with the rule that the doctor prints they do not.
func TestDoctorTranslated(t *testing.T) {
	path := testenv.Ipsec(t)
	g := newWatched(t)
	nft := func(args string) {
		t.Helper()
		if out, err := g.East.Command(t.Context(), "nft", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("nft %s: %v: %s", args, err, out)
		}
	}
	nft("add table ip nat")
	nft("add chain ip nat POSTROUTING { type nat hook postrouting priority srcnat ; }")
	nft("add rule ip nat POSTROUTING oif wan masquerade")
	sent := func(port uint16, why string) {
		t.Helper()
		before := g.counts(t).Reasons
		if err := g.EastHost.SendFrame(lab.Eth0, g.ethernet(t, udpPacket(t, netip.AddrPortFrom(g.EastHost.LAN4, port), netip.AddrPortFrom(g.WestHost.LAN4, 53)))); err != nil {
			t.Fatal(err)
		}
		if !eventually(t, func() bool { return g.counts(t).since(counts{Reasons: before}).Reasons[why] == 1 }) {
			t.Fatalf("counted %v, want %s", g.counts(t).since(counts{Reasons: before}), why)
		}
	}
	g.only(t, from(lab.EastLAN4, lab.WestLAN4, eroute.Trap)) // which the fast path does not drop
	sent(4000, "translated")
	var remedy string
	for _, f := range g.doctor(t, path) {
		if f.Check == "nat" && f.Level == "problem" {
			remedy = f.Remedy
		}
	}
	rule := fmt.Sprintf("insert rule ip nat POSTROUTING ip saddr %s ip daddr %s accept", lab.EastLAN4, lab.WestLAN4)
	if !strings.Contains(remedy, "nft "+rule) {
		t.Fatalf("remedy %q, want %q", remedy, rule)
	}
	nft(rule)
	sent(4001, "trap-no-relay") // of another connection
}
