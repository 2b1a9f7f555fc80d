// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// newCountedGateway creates a gateway for counting instructions. Unlike that of newGateway, no device has an
// XDP program or GRO, which change the receive path of veth: West drops in a TC program.
func newCountedGateway(ctx context.Context) (*gateway, error) {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL", Instructions: returns(tcxDrop)})
	if err != nil {
		return nil, fmt.Errorf("load program for West: %w", err)
	}
	defer func() { _ = program.Close() }()
	return newGatewayTo(ctx, program)
}

// newGatewayTo creates a gateway without GRO and XDP programs. A TC program drops what West receives.
func newGatewayTo(ctx context.Context, sink *ebpf.Program) (*gateway, error) {
	l, err := lab.New("bench")
	if err != nil {
		return nil, err
	}
	g := &gateway{Lab: l, undo: []func() error{l.Close}}
	err = g.East.Do(func() error {
		lan, err := netlink.LinkByName(lab.LAN)
		if err != nil {
			return fmt.Errorf("find lan: %w", err)
		}
		return netlink.LinkSetHardwareAddr(lan, lanMAC)
	})
	if err == nil {
		err = g.route(ctx)
	}
	if err == nil {
		err = g.attachLoaded(g.West, lab.WAN, sink, func(p *ebpf.Program, ifindex int) (link.Link, error) {
			return link.AttachTCX(link.TCXOptions{Interface: ifindex, Program: p, Attach: ebpf.AttachTCXIngress})
		})
	}
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

// Return values of programs (include/uapi/linux/bpf.h).
const (
	tcxNext = -1
	tcxDrop = 2
	xdpPass = 2
)

// returns is a program that does nothing.
func returns(value int32) asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, value), asm.Return()}
}

// attachTCX attaches a TC program to a device of a node until the gateway is closed.
func (g *gateway) attachTCX(n *lab.Node, dev string, hook ebpf.AttachType, program asm.Instructions) error {
	return g.attachProgram(n, dev, &ebpf.ProgramSpec{Type: ebpf.SchedCLS, License: "GPL", Instructions: program},
		func(p *ebpf.Program, ifindex int) (link.Link, error) {
			return link.AttachTCX(link.TCXOptions{Interface: ifindex, Program: p, Attach: hook})
		})
}

// attachXDP attaches an XDP program to a device of East, in the driver.
func (g *gateway) attachXDP(dev string, program asm.Instructions) error {
	return g.attachProgram(g.East, dev, &ebpf.ProgramSpec{Type: ebpf.XDP, Instructions: program},
		func(p *ebpf.Program, ifindex int) (link.Link, error) {
			return link.AttachXDP(link.XDPOptions{Interface: ifindex, Program: p, Flags: link.XDPDriverMode})
		})
}

func (g *gateway) attachProgram(n *lab.Node, dev string, spec *ebpf.ProgramSpec, attach func(*ebpf.Program, int) (link.Link, error)) error {
	program, err := ebpf.NewProgram(spec)
	if err != nil {
		return fmt.Errorf("load program for %s: %w", dev, err)
	}
	defer func() { _ = program.Close() }()
	return g.attachLoaded(n, dev, program, attach)
}

func (g *gateway) attachLoaded(n *lab.Node, dev string, program *ebpf.Program, attach func(*ebpf.Program, int) (link.Link, error)) error {
	return n.Do(func() error {
		on, err := netlink.LinkByName(dev)
		if err != nil {
			return fmt.Errorf("find %s: %w", dev, err)
		}
		l, err := attach(program, on.Attrs().Index)
		if err != nil {
			return fmt.Errorf("attach program to %s: %w", dev, err)
		}
		g.undo = append(g.undo, l.Close)
		return nil
	})
}
