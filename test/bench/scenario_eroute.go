// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// tableOf returns the content of the table: selectors and their SAID.
type tableOf func(ctx context.Context, g *gateway, n int) ([]eroute.Selector, eroute.SAID, error)

// attached attaches ipsec0 to wan, and the fast path to the ingress interfaces. Packets are routed to wan.
func attached(content tableOf, ingress ...string) preparation {
	return attachedAs(device.Config{Physical: lab.WAN, Ingress: ingress}, content)
}

// routed attaches ipsec0 with --routed, and routes the packets into it.
func routed(content tableOf, ingress ...string) preparation {
	return func(ctx context.Context, g *gateway, n int) error {
		err := attachedAs(device.Config{Physical: lab.WAN, Ingress: ingress, Routed: true}, content)(ctx, g, n)
		if err != nil {
			return err
		}
		return g.routeIntoDevice(ctx)
	}
}

func attachedAs(c device.Config, content tableOf) preparation {
	return func(ctx context.Context, g *gateway, n int) error {
		table, err := g.attach(ctx, c)
		if err != nil {
			return err
		}
		// SAs are added after the attach, as by a key manager: the kernel chooses the output path of an SA by
		// whether esp4_offload, which the attach loads, is there.
		selectors, said, err := content(ctx, g, n)
		if err != nil {
			return err
		}
		return g.East.Do(func() error { return load(ctx, table, selectors, said) })
	}
}

// attachedElsewhere attaches ipsec0 and the fast path to devices that the packets do not pass. They are veth:
// an XDP program on a device without native XDP would have a cost for the packets of all devices.
func attachedElsewhere(ctx context.Context, g *gateway, n int) error {
	for _, dev := range []string{"wan2", "lan2"} {
		if _, err := g.East.IP(ctx, "link", "add", dev, "up", "type", "veth", "peer", dev+"-peer"); err != nil {
			return err
		}
	}
	return attachedAs(device.Config{Physical: "wan2", Ingress: []string{"lan2"}}, toOthers)(ctx, g, n)
}

func toSA(ctx context.Context, g *gateway, n int) ([]eroute.Selector, eroute.SAID, error) {
	if err := g.addNullSA(ctx); err != nil {
		return nil, eroute.SAID{}, err
	}
	said, err := eroute.ParseSAID(ctx, fmt.Sprintf("esp0x%x@%s", firstSPI, g.West.WAN4), nil)
	return countedSelectors(n), said, err
}

// toGroup is a group that names the SA twice.
func toGroup(ctx context.Context, g *gateway, n int) ([]eroute.Selector, eroute.SAID, error) {
	selectors, said, err := toSA(ctx, g, n)
	if err != nil {
		return nil, said, err
	}
	group, err := eroute.NewGroup(eroute.SpreadFlow, said, said)
	return selectors, group, err
}

func pass(_ context.Context, _ *gateway, n int) ([]eroute.Selector, eroute.SAID, error) {
	return countedSelectors(n), eroute.Pass, nil
}

func drop(_ context.Context, _ *gateway, n int) ([]eroute.Selector, eroute.SAID, error) {
	return countedSelectors(n), eroute.Drop, nil
}

// toOthers is an eroute for other packets.
func toOthers(context.Context, *gateway, int) ([]eroute.Selector, eroute.SAID, error) {
	other := netip.MustParsePrefix("81.0.0.0/24")
	return []eroute.Selector{{Src: netip.PrefixFrom(countedSource, 32), Dst: other}}, eroute.Drop, nil
}
