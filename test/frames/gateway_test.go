// SPDX-License-Identifier: Apache-2.0

package frames

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/testlab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

const ipsec0 = "ipsec0"

// gateway is a lab's East with an ipsec device, seen from its network namespace.
type gateway struct {
	table    *maps.Table
	mac      net.HardwareAddr
	lan, dev uint32 // ifindexes of lan and of the ipsec device

	lookup, xdp, tc, egress *ebpf.Program
}

// onGateway runs f in the network namespace of a gateway that routes packets for the remote LAN into its
// ipsec device. Needs root.
func onGateway(t *testing.T, f func(*lab.Lab, *gateway) error) {
	t.Helper()
	l := testlab.New(t, "frames")
	for _, p := range []netip.Addr{own4, own6} {
		if _, err := l.East.IP(t.Context(), "addr", "add", p.String(), "dev", lab.WAN, "nodad"); err != nil {
			t.Fatal(err)
		}
	}
	// Every address except local ones has a route, so that the kernel recognises the local ones.
	for _, via := range []netip.Addr{l.West.WAN4, l.West.WAN6} {
		if _, err := l.East.IP(t.Context(), "route", "add", "default", "via", via.String(), "dev", lab.WAN); err != nil {
			t.Fatal(err)
		}
	}
	err := l.East.Do(func() (err error) {
		table, err := maps.OpenWrite()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, table.Dir().Remove(), table.Close()) }()
		if _, err := device.Attach(t.Context(), table, device.Config{Virtual: ipsec0, Physical: lab.WAN, Ingress: []string{lab.LAN}, Routed: true}); err != nil {
			return err
		}
		for _, p := range []netip.Prefix{lab.WestLAN4, lab.WestLAN6} {
			if err := l.East.Route(p, ipsec0); err != nil {
				return err
			}
		}
		g := &gateway{table: table}
		if err := g.open(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, g.close()) }()
		if err := g.addVLANs(); err != nil {
			return err
		}
		return f(l, g)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// open opens the attached programs.
func (g *gateway) open() error {
	lan, err := netlink.LinkByName(lab.LAN)
	if err != nil {
		return err
	}
	dev, err := netlink.LinkByName(ipsec0)
	if err != nil {
		return err
	}
	g.mac, g.lan, g.dev = lan.Attrs().HardwareAddr, uint32(lan.Attrs().Index), uint32(dev.Attrs().Index)
	if g.lookup, err = ebpf.LoadPinnedProgram(g.table.Dir().Path("eroute_lookup"), nil); err != nil {
		return err
	}
	for hook, p := range map[string]struct {
		program **ebpf.Program
		ifindex uint32
	}{"xdp": {&g.xdp, g.lan}, "tc": {&g.tc, g.lan}, "egress": {&g.egress, g.dev}} {
		l, err := link.LoadPinnedLink(g.table.Dir().Path("links", ipsec0, fmt.Sprintf("%s-%d", hook, p.ifindex)), nil)
		if err != nil {
			return err
		}
		info, err := l.Info()
		if err := errors.Join(err, l.Close()); err != nil {
			return err
		}
		if *p.program, err = ebpf.NewProgramFromID(info.Program); err != nil {
			return err
		}
	}
	return nil
}

// addVLANs adds VLANs on lan to XDP's map, as attach does for VLAN interfaces: not every kernel has these.
// Their routing is lan's.
func (g *gateway) addVLANs() error {
	for _, tags := range vlans {
		key, in := bpf.ABIIngressKey{Ifindex: g.lan, Vlan: tags}, bpf.ABIIngress{Ifindex: g.lan, Mac: [6]byte(g.mac)}
		if err := g.table.PutIngress(key, in); err != nil {
			return err
		}
	}
	return nil
}

func (g *gateway) close() error {
	return errors.Join(g.lookup.Close(), g.xdp.Close(), g.tc.Close(), g.egress.Close())
}
