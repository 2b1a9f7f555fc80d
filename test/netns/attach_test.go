// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// newDetached is a gateway with a table and no device.
func newDetached(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{Lab: newLab(t), mode: "egress"}
	t.Cleanup(func() { g.remove(t) })
	if err := g.apply(); err != nil {
		t.Fatal(err)
	}
	return g
}

// tryAttach returns the error of an attach.
func (g *gateway) tryAttach(virtual, physical string, ingress ...string) error {
	return g.write(func(table *maps.Table) error {
		_, err := device.Attach(context.Background(), table, device.Config{Virtual: virtual, Physical: physical, Ingress: ingress, Routed: true})
		return err
	})
}

// passes checks that pings pass a %pass eroute, and are counted once each.
func (g *gateway) passes(t *testing.T) {
	t.Helper()
	g.only(t, all(eroute.Pass)...)
	for _, f := range g.families() {
		before := g.counts(t)
		if r, err := g.EastHost.Ping(t.Context(), lab.Ping{Dst: f.westHost, Count: 2}); err != nil || r.Received != 2 {
			t.Errorf("ping: %+v, %v, want 2 answers", r, err)
		}
		g.counted(t, before, reason("pass", 2))
	}
}

// Detach removes everything that attach created, and leaves the table unchanged.
func TestDetach(t *testing.T) {
	for _, ingress := range [][]string{nil, {lab.LAN}, {lab.LAN, lab.WAN}} {
		t.Run(strings.Join(ingress, "+"), func(t *testing.T) {
			g := newDetached(t)
			g.only(t, all(eroute.Hold)...)
			before := g.traces(t)
			for range 2 {
				g.attach(t, ipsec0, lab.WAN, ingress...)
				if during := g.traces(t); cmp.Equal(before, during) {
					t.Error("no trace of the device while it is attached")
				}
				g.route(t)
				g.passes(t)
				if err := g.detach(ipsec0); err != nil {
					t.Error(err)
				}
				g.unchanged(t, before)
				if got := g.listed(t); len(got) != 2 {
					t.Errorf("eroutes %v, want the two there were", got)
				}
			}
			if err := g.detach(ipsec0); !errors.Is(err, loader.ErrNotAttached) {
				t.Errorf("second detach: %v, want %v", err, loader.ErrNotAttached)
			}
		})
	}
}

// A refused attach changes nothing.
func TestAttachRefused(t *testing.T) {
	g := newDetached(t)
	foreign := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "foreign"}, PeerName: "foreign-peer"}
	if err := g.East.Do(func() error { return netlink.LinkAdd(foreign) }); err != nil {
		t.Fatal(err)
	}
	refused := func(name string, want string, virtual, physical string, ingress ...string) {
		t.Run(name, func(t *testing.T) {
			before := g.traces(t)
			err := g.tryAttach(virtual, physical, ingress...)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want one about %q", err, want)
			}
			g.unchanged(t, before)
		})
	}
	attempts := func() {
		refused("no such physical interface", "--physical nowhere", "ipsec1", "nowhere")
		refused("no such ingress interface", "--ingress nowhere", "ipsec1", lab.WAN, lab.LAN, "nowhere")
		refused("ingress interface twice", "twice", "ipsec1", lab.WAN, lab.LAN, lab.LAN)
		refused("name of another device", "foreign", "foreign", lab.WAN, lab.LAN)
		refused("name of the physical device", lab.WAN, lab.WAN, lab.WAN)
		refused("name too long", "ipsec0123456789x", "ipsec0123456789x", lab.WAN, lab.LAN)
		refused("name with a slash", "'/'", "ipsec/1", lab.WAN)
		refused("name of the directory above", "'.'", "..", lab.WAN)
		refused("no name", "name", "", lab.WAN)
		refused("name with a dot", "'.'", "ipsec0.1", lab.WAN)
	}
	attempts()
	g.attach(t, ipsec0, lab.WAN, lab.LAN)
	g.route(t)
	t.Run("attached", func(t *testing.T) {
		refused("already", "already attached", ipsec0, lab.WAN, lab.LAN)
		attempts()
	})
	g.passes(t)
}

// A device that was deleted by another program can be attached again, and detached.
func TestDeviceDeleted(t *testing.T) {
	g := newDetached(t)
	before := g.traces(t)
	deleteDevice := func() {
		t.Helper()
		if _, err := g.East.IP(t.Context(), "link", "del", ipsec0); err != nil {
			t.Fatal(err)
		}
	}
	g.attach(t, ipsec0, lab.WAN, lab.LAN)
	deleteDevice()
	g.attach(t, ipsec0, lab.WAN, lab.LAN)
	g.route(t)
	g.passes(t)
	deleteDevice()
	if err := g.detach(ipsec0); err != nil {
		t.Error(err)
	}
	g.unchangedBut(t, before)
}

// unchangedBut compares with East's earlier state, without eroutes.
func (g *gateway) unchangedBut(t *testing.T, before traces) {
	t.Helper()
	g.only(t)
	g.unchanged(t, before)
}

// Deleted interfaces do not prevent a detach, and nothing that refers to them remains.
func TestInterfaceDeleted(t *testing.T) {
	for _, gone := range []string{lab.LAN, lab.WAN} {
		t.Run(gone, func(t *testing.T) {
			g := newDetached(t)
			g.attach(t, ipsec0, lab.WAN, lab.LAN)
			if _, err := g.East.IP(t.Context(), "link", "del", gone); err != nil {
				t.Fatal(err)
			}
			g.read(t, func(table *maps.Table) error {
				all, err := device.List(table)
				if err != nil || len(all) != 1 || all[0].Virtual != ipsec0 {
					t.Errorf("list %+v, %v, want %s", all, err, ipsec0)
				}
				return nil
			})
			if err := g.detach(ipsec0); err != nil {
				t.Error(err)
			}
			after := g.traces(t)
			for _, name := range []string{"ip -4 rule", "ip -6 rule", "ip route show table all", "pins", "eroute_devices", "eroute_ingress"} {
				for _, left := range []string{"prohibit", ipsec0, "links", "65720", "170197", "[detached]"} {
					if strings.Contains(after[name], left) {
						t.Errorf("%s after detach: %s", name, after[name])
					}
				}
			}
			if after["eroute_devices"]+after["eroute_ingress"] != "" {
				t.Errorf("maps after detach: %s %s", after["eroute_devices"], after["eroute_ingress"])
			}
		})
	}
}

// Interface names may contain dots, like those of VLAN interfaces.
func TestNamesWithDots(t *testing.T) {
	const virtual = "ipsec7"
	g := newDetached(t)
	for from, to := range map[string]string{lab.LAN: "lan.1", lab.WAN: "wan.2"} {
		for _, args := range [][]string{{"link", "set", from, "down"}, {"link", "set", from, "name", to}, {"link", "set", to, "up"}} {
			if _, err := g.East.IP(t.Context(), args...); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := g.East.WaitReady(); err != nil {
		t.Fatal(err)
	}
	before := g.traces(t)
	g.attach(t, virtual, "wan.2", "lan.1")
	g.read(t, func(table *maps.Table) error {
		all, err := device.List(table)
		want := []device.Attachment{{Virtual: virtual, Physical: "wan.2", VirtualMTU: 1500, PhysicalMTU: 1500, Kind: device.KindPlain, Ingress: []device.Ingress{{Name: "lan.1", Mode: "xdp"}}}}
		if diff := cmp.Diff(want, all); err != nil || diff != "" {
			t.Errorf("list: %v (-want +got):\n%s", err, diff)
		}
		return nil
	})
	if err := g.tryAttach(virtual, "wan.2"); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("second attach: %v", err)
	}
	if got := g.settings(t, "/proc/sys/net/ipv4/conf/"+virtual); !strings.Contains(got, "/forwarding 1\n") || !strings.Contains(got, "/disable_xfrm 1\n") {
		t.Errorf("settings %s", got)
	}
	if err := g.detach(virtual); err != nil {
		t.Error(err)
	}
	g.unchanged(t, before)
}

// Two devices on the same interfaces work at the same time, and one continues when the other is detached.
func TestTwoDevices(t *testing.T) {
	g := newDetached(t)
	before := g.traces(t)
	g.attach(t, ipsec0, lab.WAN, lab.LAN)
	notes := g.attach(t, "ipsec1", lab.WAN, lab.LAN)
	if !slices.ContainsFunc(notes, func(s string) bool { return strings.Contains(s, lab.LAN) && strings.Contains(s, "eroute_xdp") }) {
		t.Errorf("notes %q, want one about the XDP program on %s", notes, lab.LAN)
	}
	g.route(t)
	g.only(t, all(eroute.Drop)...)
	other := netip.MustParsePrefix("10.7.0.0/16")
	if err := g.East.Route(other, "ipsec1"); err != nil {
		t.Fatal(err)
	}
	dropsEarly := func() {
		t.Helper()
		for _, f := range g.families() {
			counts, forwarded := g.counts(t), g.forwarded(t, f)
			g.sendIP(t, udpPacket(t, netip.AddrPortFrom(f.eastHost, 9), netip.AddrPortFrom(f.westHost, 9)))
			g.counted(t, counts, reason("drop", 1))
			if got := g.forwarded(t, f) - forwarded; got != 0 {
				t.Errorf("%d %s packets forwarded, want 0", got, f.name)
			}
		}
	}
	dropsEarly()
	g.passes(t)
	if err := g.detach("ipsec1"); err != nil {
		t.Error(err)
	}
	g.passes(t)
	g.only(t, all(eroute.Drop)...)
	dropsEarly()
	g.only(t, all(eroute.Reject)...)
	for _, f := range g.families() {
		if r, err := g.EastHost.Ping(t.Context(), lab.Ping{Dst: f.westHost}); err != nil || len(r.Errors) != 1 || !f.prohibited(r.Errors[0]) {
			t.Errorf("ping: %+v, %v, want it prohibited", r, err)
		}
	}
	if err := g.detach(ipsec0); err != nil {
		t.Error(err)
	}
	g.unchangedBut(t, before)
}
