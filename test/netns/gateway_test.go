// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testenv"
	"github.com/ipsec-eroute/eroute/internal/testlab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

const ipsec0 = "ipsec0"

// modes are the ways in which packets are matched: routed into the ipsec device, there only or first on the
// ingress interface, in XDP or, where XDP is occupied, in TC; or, without routes, when they leave by the watched
// physical device, and first on the ingress interface in XDP.
var modes = []string{"egress", "xdp", "tc", watched}

// watched is the mode without routes into ipsec0. Packets without an eroute drop there, too.
const watched = "watched"

// gateway is a lab whose East routes packets for the remote LAN into ipsec0, or watches wan.
type gateway struct {
	*lab.Lab
	mode    string
	sources int // number of addresses allocated by newSource
}

func newLab(t *testing.T) *lab.Lab { return testlab.New(t, "nstest") }

// shared are the gateways of newGateway, by mode: creating one takes longer than most tests.
var shared = map[string]*gateway{}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, g := range shared {
		if err := errors.Join(g.removeTable(), g.Close()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := testenv.RemoveIpsec(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// newGateway returns the gateway of a mode: ipsec0 is attached to East's wan, the table is empty. Tests
// restore everything else they change.
func newGateway(t *testing.T, mode string) *gateway {
	t.Helper()
	if g := shared[mode]; g != nil {
		g.only(t)
		return g
	}
	l, err := lab.New("nstest")
	if err != nil {
		t.Fatal(err)
	}
	g := &gateway{Lab: l, mode: mode}
	defer func() {
		if t.Failed() {
			_ = errors.Join(g.removeTable(), g.Close())
		} else {
			shared[mode] = g
		}
	}()
	var ingress []string
	if mode != "egress" {
		ingress = []string{lab.LAN}
	}
	if mode == "tc" {
		occupyXDP(t, g.East, lab.LAN)
	}
	notes := g.attachAs(t, device.Config{
		Virtual: ipsec0, Physical: lab.WAN, Ingress: ingress, Routed: mode != watched, DropUnmatched: mode == watched,
	})
	note := slices.ContainsFunc(notes, func(s string) bool { return strings.Contains(s, foreignXDP) && strings.Contains(s, lab.LAN) })
	if note != (mode == "tc") {
		t.Errorf("notes %q in mode %s", notes, mode)
	}
	if mode != watched {
		g.route(t)
	}
	g.limitICMP(t, false)
	return g
}

// route routes both families into ipsec0.
func (g *gateway) route(t *testing.T) {
	t.Helper()
	for _, p := range []netip.Prefix{lab.WestLAN4, lab.WestLAN6} {
		if err := g.East.Route(p, ipsec0); err != nil {
			t.Fatal(err)
		}
	}
}

// holder returns the device whose program holds packets.
func (g *gateway) holder() string {
	if g.mode == watched {
		return lab.WAN
	}
	return ipsec0
}

// limitICMP sets whether errors to the same address have the kernel's default limits. Without limits each
// packet is answered, so that answers can be counted. The limits are lifted by type, which also lifts the
// global one. With an interval of 0 IPv4 would also lose the allowance that ip_error (net/ipv4/route.c) keeps
// in the same place, if the clock ticks in between.
func (g *gateway) limitICMP(t *testing.T, limited bool) {
	t.Helper()
	types4, types6 := "0", "255" // no type of an error
	if limited {
		types4, types6 = "6168", "0-1,3-127"
	}
	for _, n := range []*lab.Node{g.EastHost, g.East, g.West, g.WestHost} {
		err := errors.Join(n.Sysctl("net.ipv4.icmp_ratemask", types4), n.Sysctl("net.ipv6.icmp.ratemask", types6))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// write opens East's table for changes, like a command.
func (g *gateway) write(f func(*maps.Table) error) error {
	return g.East.Do(func() error {
		table, err := maps.OpenWrite()
		if err != nil {
			return err
		}
		defer func() { _ = table.Close() }()
		return f(table)
	})
}

func (g *gateway) read(t *testing.T, f func(*maps.Table) error) {
	t.Helper()
	err := g.East.Do(func() error {
		table, err := maps.OpenRead()
		if err != nil {
			return err
		}
		defer func() { _ = table.Close() }()
		return f(table)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// attach attaches an ipsec device that packets are routed into.
func (g *gateway) attach(t *testing.T, virtual, physical string, ingress ...string) (notes []string) {
	t.Helper()
	return g.attachAs(t, device.Config{Virtual: virtual, Physical: physical, Ingress: ingress, Routed: true})
}

func (g *gateway) attachAs(t *testing.T, c device.Config) (notes []string) {
	t.Helper()
	err := g.write(func(table *maps.Table) (err error) {
		notes, err = device.Attach(t.Context(), table, c)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return notes
}

func (g *gateway) detach(virtual string) error {
	return g.write(func(table *maps.Table) error {
		return device.Detach(context.Background(), table, virtual)
	})
}

// removeTable removes East's table from bpffs.
func (g *gateway) removeTable() error {
	return g.East.Do(func() error {
		dir, err := loader.OpenShared()
		if err != nil {
			return err
		}
		defer func() { _ = dir.Close() }()
		return dir.Remove()
	})
}

func (g *gateway) remove(t *testing.T) {
	t.Helper()
	if err := g.removeTable(); err != nil {
		t.Error(err)
	}
}

func (g *gateway) apply(changes ...eroute.Change) error {
	return g.write(func(table *maps.Table) error { return table.Apply(context.Background(), changes) })
}

// only sets the content of the table to these eroutes by deleting the others: a clear waits for packets in
// flight several times.
func (g *gateway) only(t *testing.T, eroutes ...eroute.Change) {
	t.Helper()
	listed := g.listed(t)
	if len(listed)+len(eroutes) == 0 {
		return
	}
	var changes []eroute.Change
	for _, e := range listed {
		changes = append(changes, eroute.Change{Op: eroute.OpDel, Selector: e.Selector})
	}
	if err := g.apply(append(changes, eroutes...)...); err != nil {
		t.Fatal(err)
	}
}

// from is an eroute between two prefixes.
func from(src, dst netip.Prefix, said eroute.SAID) eroute.Change {
	return eroute.Change{Op: eroute.OpReplace, Selector: eroute.Selector{Src: src, Dst: dst}, SAID: said}
}

var all4, all6 = netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")

// all is an eroute for everything of each family.
func all(said eroute.SAID) []eroute.Change {
	return []eroute.Change{from(all4, all4, said), from(all6, all6, said)}
}

// within is a context that ends with the test or after a time.
func within(t *testing.T, d time.Duration) context.Context { return testlab.Within(t, d) }

// patience is how long a test waits for an expected event: much longer than needed, also on a busy machine.
const patience = 20 * time.Second

// eventually waits until the condition is true, and returns whether it is.
func eventually(t *testing.T, so func() bool) bool {
	t.Helper()
	for ctx := within(t, patience); !so(); time.Sleep(5 * time.Millisecond) {
		if ctx.Err() != nil {
			return false
		}
	}
	return true
}

// family contains the data of one family for tests that run once per family.
type family struct {
	name                                      string
	eastHost, eastLAN, eastWAN, westHost, wan netip.Addr
	eastNet, westNet                          netip.Prefix
}

func (g *gateway) families() []family {
	return []family{
		{"v4", g.EastHost.LAN4, g.East.LAN4, g.East.WAN4, g.WestHost.LAN4, g.West.WAN4, lab.EastLAN4, lab.WestLAN4},
		{"v6", g.EastHost.LAN6, g.East.LAN6, g.East.WAN6, g.WestHost.LAN6, g.West.WAN6, lab.EastLAN6, lab.WestLAN6},
	}
}

// inEachMode runs a test on a gateway of each mode.
func inEachMode(t *testing.T, test func(*testing.T, *gateway)) {
	for _, mode := range modes {
		t.Run(mode, func(t *testing.T) { test(t, newGateway(t, mode)) })
	}
}

// inEachFamily runs a test in each mode for each family.
func inEachFamily(t *testing.T, test func(*testing.T, *gateway, family)) {
	inEachMode(t, func(t *testing.T, g *gateway) {
		for _, f := range g.families() {
			t.Run(f.name, func(t *testing.T) { test(t, g, f) })
		}
	})
}
