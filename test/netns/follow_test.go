// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// followers are the ways to update a device: "ipsec eroute --sync", and the relay by itself.
var followers = []string{"sync", "relay"}

// inEachFollower runs a test on a healthy gateway with %pass packets and a blackhole route. repaired waits until
// the device is up to date; with --sync it first checks that "ipsec tncfg" and doctor print the differences.
func inEachFollower(t *testing.T, test func(t *testing.T, g *gateway, repaired func(t *testing.T, texts ...string))) {
	path := testenv.Ipsec(t)
	for _, follower := range followers {
		t.Run(follower, func(t *testing.T) {
			g := healthy(t)
			if follower == "relay" {
				g.startRelay(t)
			}
			g.passes(t)
			test(t, g, func(t *testing.T, texts ...string) {
				t.Helper()
				if follower == "sync" {
					g.checkDifferences(t, path, texts)
					if _, stderr, err := g.command(t, path, "eroute --sync"); err != nil {
						t.Errorf("--sync: %v, %s", err, stderr)
					}
				}
				inStep := func() bool {
					needs := true
					g.read(t, func(table *maps.Table) (err error) {
						needs, err = device.NeedsFollow(table)
						return err
					})
					return !needs
				}
				if !eventually(t, inStep) {
					g.checkDifferences(t, path, nil)
					t.Fatal("not in step")
				}
				// The doctor notes a relay without key managers.
				found(t, slices.DeleteFunc(g.doctor(t, path), func(f finding) bool { return f.Check == "relay" }))
			})
		})
	}
}

// checkDifferences checks that tncfg and doctor both print the differences, each in a line with one of the texts.
func (g *gateway) checkDifferences(t *testing.T, path string, texts []string) {
	t.Helper()
	stdout, stderr, err := g.command(t, path, "tncfg")
	if err != nil {
		t.Errorf("tncfg: %v, %s", err, stderr)
	}
	var steps []string
	for _, f := range g.doctor(t, path) {
		if f.Check == "sync" && f.Level != "ok" {
			steps = append(steps, f.Text)
		}
	}
	for _, text := range texts {
		has := func(s string) bool { return strings.Contains(s, text) }
		if !has(stdout) || !slices.ContainsFunc(steps, has) {
			t.Errorf("%q is not in\n%s%q", text, stdout, steps)
		}
	}
	if len(steps) != len(texts) {
		t.Errorf("doctor tells %q, want %q", steps, texts)
	}
}

// drops checks that pings get no answer, and that none of them leaves.
func (g *gateway) drops(t *testing.T) {
	t.Helper()
	for _, f := range g.families() {
		before := g.counts(t)
		if r, err := g.EastHost.Ping(t.Context(), lab.Ping{Dst: f.westHost, Count: 2, Wait: 100 * time.Millisecond}); err != nil || r.Received != 0 {
			t.Errorf("ping: %+v, %v, want no answer", r, err)
		}
		g.counted(t, before, reason("error", 2))
	}
}

// A physical interface that is renamed remains the device's physical interface.
func TestPhysicalRenamed(t *testing.T) {
	inEachFollower(t, func(t *testing.T, g *gateway, repaired func(*testing.T, ...string)) {
		for _, names := range [][2]string{{lab.WAN, "dsl"}, {"dsl", lab.WAN}} {
			g.ip(t, "link set "+names[0]+" name "+names[1])
			repaired(t, "IPv4 routing rule for %pass packets through "+names[1], "IPv6 routing rule for %pass packets through "+names[1])
			g.passes(t)
		}
	})
}

// A physical interface that is deleted and created again, like a dial-up link, is the device's physical
// interface again. While it does not exist, packets are dropped and counted.
func TestPhysicalReplaced(t *testing.T) {
	inEachFollower(t, func(t *testing.T, g *gateway, repaired func(*testing.T, ...string)) {
		for range 2 {
			if err := g.Unplug(g.East, lab.WAN); err != nil {
				t.Fatal(err)
			}
			g.drops(t)
			if err := g.Replug(g.East, lab.WAN); err != nil {
				t.Fatal(err)
			}
			repaired(t, "wan is not the interface that ipsec0 is bound to")
			g.passes(t)
		}
	})
}

// While a physical interface does not exist tncfg and doctor report it, and another interface that gets its
// ifindex is not used.
func TestPhysicalGone(t *testing.T) {
	path := testenv.Ipsec(t)
	g := healthy(t)
	g.passes(t)
	if err := g.Unplug(g.East, lab.WAN); err != nil {
		t.Fatal(err)
	}
	g.checkDifferences(t, path, []string{"wan does not exist"})
	if _, stderr, err := g.command(t, path, "eroute --sync"); err != nil {
		t.Errorf("--sync: %v, %s", err, stderr)
	}
	g.checkDifferences(t, path, []string{"wan does not exist"})
	g.ip(t, "link add index 100 other type veth peer far")
	g.ip(t, "link set far up")
	g.ip(t, "link set other up")
	if _, stderr, err := g.command(t, path, "eroute --sync"); err != nil {
		t.Errorf("--sync: %v, %s", err, stderr)
	}
	g.checkDifferences(t, path, []string{"wan does not exist"})
	g.drops(t)
}

// The ipsec device's MTU follows the physical one's, down and up: senders of large %pass packets receive an
// ICMP error. An MTU set by hand remains. It is never too small for IPv6, which would delete the device's
// IPv6 routes.
func TestPhysicalMTU(t *testing.T) {
	inEachFollower(t, func(t *testing.T, g *gateway, repaired func(*testing.T, ...string)) {
		setMTU := func(mtu int) {
			t.Helper()
			if err := errors.Join(g.East.SetMTU(lab.WAN, mtu), g.West.SetMTU(lab.WAN, mtu)); err != nil {
				t.Fatal(err)
			}
		}
		isMTU := func(want string) {
			t.Helper()
			if out, err := g.East.IP(t.Context(), "link", "show", ipsec0); err != nil || !strings.Contains(out, " mtu "+want+" ") {
				t.Errorf("%v: %s, want MTU %s", err, out, want)
			}
		}
		g.only(t, all(eroute.Pass)...)
		setMTU(1400)
		repaired(t, "the MTU of ipsec0 is 1500, the MTU of wan is 1400")
		for _, f := range g.families() {
			r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: f.westHost, Size: 1440, DF: true})
			if err != nil || len(r.Errors) != 1 || r.Errors[0].MTU != 1400 {
				t.Errorf("ping: %+v, %v, want an ICMP error with MTU 1400", r, err)
			}
		}
		setMTU(1500)
		repaired(t, "the MTU of ipsec0 is 1400, the MTU of wan is 1500")
		isMTU("1500")
		g.ip(t, "link set ipsec0 mtu 1300")
		setMTU(1450)
		repaired(t)
		isMTU("1300")
		setMTU(1000)
		repaired(t, "the MTU of ipsec0 is 1300, the MTU of wan is 1000")
		isMTU("1280")
		if out, err := g.East.IP(t.Context(), "-6", "route", "show", "dev", ipsec0); err != nil || !strings.Contains(out, lab.WestLAN6.String()) {
			t.Errorf("%v: routes of ipsec0: %q", err, out)
		}
	})
}

// The MTU of an ipsec device is at most 16,000: the kernel lets programs add no link-layer header to
// longer packets. %pass packets above it are fragmented, or their senders receive the MTU.
func TestLargestMTU(t *testing.T) {
	inEachFollower(t, func(t *testing.T, g *gateway, repaired func(*testing.T, ...string)) {
		const largest = 65535
		for _, end := range []struct {
			node *lab.Node
			name string
		}{{g.EastHost, lab.Eth0}, {g.East, lab.LAN}, {g.East, lab.WAN}, {g.West, lab.WAN}, {g.West, lab.LAN}, {g.WestHost, lab.Eth0}} {
			if err := end.node.SetMTU(end.name, largest); err != nil {
				t.Fatal(err)
			}
		}
		g.only(t, all(eroute.Pass)...)
		repaired(t, "the MTU of ipsec0 is 1500, the MTU of wan is 65535")
		repaired(t)
		for _, f := range g.families() {
			r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: f.westHost, Size: 20000, DF: true})
			if err != nil || len(r.Errors) != 1 || r.Errors[0].MTU != 16000 {
				t.Errorf("ping with DF: %v, %d errors, want one with the MTU 16000", err, len(r.Errors))
			}
			for _, size := range []int{15900, 20000} {
				before := g.counts(t)
				r, err := g.EastHost.Ping(within(t, patience), lab.Ping{Dst: f.westHost, Size: size})
				if err != nil || r.Received != 1 {
					t.Errorf("ping of %d bytes: %v, %d answers, %d errors", size, err, r.Received, len(r.Errors))
				}
				if n := g.counts(t).since(before).Reasons["error"]; n != 0 {
					t.Errorf("ping of %d bytes: %d packets counted as errors", size, n)
				}
			}
		}
	})
}

// When the physical interface's address and with it its routes change, %pass packets use the new ones.
func TestPhysicalReaddressed(t *testing.T) {
	inEachFollower(t, func(t *testing.T, g *gateway, repaired func(*testing.T, ...string)) {
		for _, f := range []struct{ option, east, west, bits, eastLAN, westLAN string }{
			{"-4", "198.51.100.1", "198.51.100.2", "/24", lab.EastLAN4.String(), lab.WestLAN4.String()},
			{"-6", "2001:db8:99::1", "2001:db8:99::2", "/64", lab.EastLAN6.String(), lab.WestLAN6.String()},
		} {
			for _, end := range []struct {
				node                *lab.Node
				own, other, network string
			}{{g.East, f.east, f.west, f.westLAN}, {g.West, f.west, f.east, f.eastLAN}} {
				for _, args := range []string{
					"addr flush dev wan scope global", "addr add " + end.own + f.bits + " dev wan",
					"route replace " + end.network + " via " + end.other + " dev wan metric 4096",
				} {
					if _, err := end.node.IP(t.Context(), append([]string{f.option}, strings.Fields(args)...)...); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		for _, n := range []*lab.Node{g.East, g.West} {
			if err := n.WaitReady(); err != nil {
				t.Fatal(err)
			}
		}
		repaired(t)
		g.passes(t)
	})
}

// An ingress interface that is deleted and created again, or gets another address or name, has the fast path
// again.
func TestIngressReplaced(t *testing.T) {
	inEachFollower(t, func(t *testing.T, g *gateway, repaired func(*testing.T, ...string)) {
		early := func(want bool) {
			t.Helper()
			for _, f := range g.families() {
				counts, forwarded := g.counts(t), g.forwarded(t, f)
				g.sendIP(t, udpPacket(t, netip.AddrPortFrom(f.eastHost, 9), netip.AddrPortFrom(f.westHost, 9)))
				g.counted(t, counts, reason("drop", 1))
				if isEarly := g.forwarded(t, f) == forwarded; isEarly != want {
					t.Errorf("%s packet dropped early: %v, want %v", f.name, isEarly, want)
				}
			}
		}
		g.only(t, all(eroute.Drop)...)
		early(true)
		if err := errors.Join(g.Unplug(g.East, lab.LAN), g.Replug(g.East, lab.LAN)); err != nil {
			t.Fatal(err)
		}
		repaired(t, "ingress interface lan was created again: the programs are not attached to it")
		early(true)
		g.ip(t, "link set lan name inner")
		repaired(t)
		early(true)
		g.ip(t, "link set inner name lan")
		out, err := g.East.IP(t.Context(), "-br", "link", "show", "dev", lab.LAN)
		if err != nil {
			t.Fatal(err)
		}
		for _, address := range []string{"02:00:00:00:00:77", strings.Fields(out)[2]} {
			g.ip(t, "link set lan address "+address)
			repaired(t, "the link-layer address or the VLAN interfaces of lan have changed")
		}
		early(true)
		if err := g.detach(ipsec0); err != nil {
			t.Error(err)
		}
		if got, none := g.programs(t, lab.LAN), g.programs(t, lab.WAN); got != none {
			t.Errorf("detach left %s", got)
		}
	})
}

// "tncfg --config" updates devices that are not up to date.
func TestConfigFollows(t *testing.T) {
	path := testenv.Ipsec(t)
	g := healthy(t)
	file := filepath.Join(t.TempDir(), "eroute.toml")
	config := "[[device]]\nvirtual = \"ipsec0\"\nphysical = \"wan\"\ningress = [\"lan\"]\nrouted = true\n"
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(g.Unplug(g.East, lab.WAN), g.Replug(g.East, lab.WAN)); err != nil {
		t.Fatal(err)
	}
	if _, stderr, err := g.command(t, path, "tncfg --config "+file); err != nil {
		t.Errorf("--config: %v, %s", err, stderr)
	}
	g.passes(t)
	found(t, g.doctor(t, path))
}
