// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/bpf/bpftest"
	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// gateway is a lab whose East receives what EastHost sends from the tables' sources to their destinations,
// and would forward it to West, which ignores it.
type gateway struct {
	*lab.Lab
	undo []func() error
}

// newGateway creates a gateway that forwards. Its lan has as many queues as there are CPUs.
func newGateway(ctx context.Context) (*gateway, error) {
	l, err := lab.New("bench")
	if err != nil {
		return nil, err
	}
	g := &gateway{Lab: l, undo: []func() error{l.Close}}
	if err := g.prepare(ctx); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

func (g *gateway) prepare(ctx context.Context) error {
	if err := g.East.Do(func() error {
		lan, err := netlink.LinkByName(lab.LAN)
		if err != nil {
			return err
		}
		return errors.Join(netlink.LinkSetHardwareAddr(lan, lanMAC), setQueues(lab.LAN), mergeSegments(lab.LAN))
	}); err != nil {
		return fmt.Errorf("set up lan: %w", err)
	}
	if err := g.EastHost.Do(func() error { return setQueues(lab.Eth0) }); err != nil {
		return fmt.Errorf("set up eth0: %w", err)
	}
	if err := g.route(ctx); err != nil {
		return err
	}
	return g.dropAll(g.West, lab.WAN)
}

// route routes the tables' sources to EastHost and their destinations to West, without neighbour discovery.
func (g *gateway) route(ctx context.Context) error {
	var mac string
	if err := g.West.Do(func() error {
		wan, err := netlink.LinkByName(lab.WAN)
		if err == nil {
			mac = wan.Attrs().HardwareAddr.String()
		}
		return err
	}); err != nil {
		return fmt.Errorf("find wan: %w", err)
	}
	for _, args := range []string{
		fmt.Sprintf("neigh replace %s lladdr %s dev wan nud permanent", g.West.WAN4, mac),
		fmt.Sprintf("neigh replace %s lladdr %s dev wan nud permanent", g.West.WAN6, mac),
		"route add 10.0.0.0/8 dev lan",
		"route add 2001:db8:a00::/40 dev lan",
		fmt.Sprintf("route add 64.0.0.0/2 via %s metric %d", g.West.WAN4, lab.FallbackMetric),
		fmt.Sprintf("route add 2001:db8:4000::/34 via %s metric %d", g.West.WAN6, lab.FallbackMetric),
	} {
		if _, err := g.East.IP(ctx, strings.Fields(args)...); err != nil {
			return err
		}
	}
	return nil
}

// dropAll attaches an empty XDP program that drops to a device of a node.
func (g *gateway) dropAll(n *lab.Node, dev string) error {
	program, err := loadProgram(bpftest.LoadDrive, "drive_drop")
	if err != nil {
		return err
	}
	defer func() { _ = program.Close() }()
	return n.Do(func() error {
		on, err := netlink.LinkByName(dev)
		if err != nil {
			return fmt.Errorf("find %s: %w", dev, err)
		}
		l, err := link.AttachXDP(link.XDPOptions{Program: program, Interface: on.Attrs().Index, Flags: link.XDPDriverMode})
		if err != nil {
			return fmt.Errorf("attach XDP program to %s: %w", dev, err)
		}
		g.undo = append(g.undo, l.Close)
		return nil
	})
}

// attachTable gives East an ipsec device and a table with these eroutes, and routes the
// destinations into it.
func (g *gateway) attachTable(ctx context.Context, selectors []eroute.Selector, said eroute.SAID) (*maps.Table, error) {
	table, err := g.attach(ctx, device.Config{Physical: lab.WAN, Ingress: []string{lab.LAN}, Routed: true})
	if err != nil {
		return table, err
	}
	return table, g.East.Do(func() error {
		return errors.Join(g.routeIntoDevice(ctx), load(ctx, table, selectors, said))
	})
}

// attach gives East the ipsec device ipsec0 and an empty table.
func (g *gateway) attach(ctx context.Context, c device.Config) (table *maps.Table, err error) {
	c.Virtual = "ipsec0"
	return table, g.East.Do(func() error {
		if table, err = maps.OpenWrite(); err != nil {
			return err
		}
		g.undo = append(g.undo, func() error {
			return g.East.Do(func() error {
				return errors.Join(device.Detach(context.Background(), table, c.Virtual), table.Dir().Remove(), table.Close())
			})
		})
		_, err := device.Attach(ctx, table, c)
		return err
	})
}

// routeIntoDevice routes the tables' destinations into the ipsec device.
func (g *gateway) routeIntoDevice(ctx context.Context) error {
	for _, args := range []string{"route add 64.0.0.0/2 dev ipsec0", "route add 2001:db8:4000::/34 dev ipsec0 metric 100"} {
		if _, err := g.East.IP(ctx, strings.Fields(args)...); err != nil {
			return err
		}
	}
	return nil
}

func (g *gateway) close() error {
	var errs []error
	for i := range g.undo {
		errs = append(errs, g.undo[len(g.undo)-1-i]())
	}
	g.undo = nil
	return errors.Join(errs...)
}
