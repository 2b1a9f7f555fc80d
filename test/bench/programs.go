// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"

	"github.com/ipsec-eroute/eroute/bpf/bpftest"
	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// programs measures the whole XDP program on a gateway whose table drops all packets.
func (b *bench) programs(ctx context.Context) error {
	for _, n := range b.sizes {
		for _, family := range families {
			if err := b.programOf(ctx, n, family); err != nil {
				return fmt.Errorf("%d eroutes, %s: %w", n, family, err)
			}
		}
	}
	return nil
}

func (b *bench) programOf(ctx context.Context, n int, family string) (err error) {
	g, err := newGateway(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	selectors := hub(nil, n, family == v6)
	table, err := g.attachTable(ctx, selectors, eroute.Drop)
	if err != nil {
		return err
	}
	var program *ebpf.Program // for the gateway's network namespace
	err = g.East.Do(func() (err error) {
		program, err = loader.LoadXDP(table.Replacements())
		return err
	})
	if err != nil {
		return err
	}
	defer func() { _ = program.Close() }()
	parser, err := loadProgram(bpftest.LoadParser, "probe_parse")
	if err != nil {
		return err
	}
	defer func() { _ = parser.Close() }()
	empty, err := loadProgram(bpftest.LoadDrive, "drive_drop")
	if err != nil {
		return err
	}
	defer func() { _ = empty.Close() }()
	flows := flowsOf(b.random, selectors)
	for _, kind := range traffics {
		if kind.name == "crossed" {
			continue // some would match an eroute, some not
		}
		c := figures.Case{Section: figures.Program, Table: "hub " + family, Eroutes: n, Traffic: kind.name}
		b.progress(c)
		d, err := newDriver(framesOf(kind.packets(b.random, flows)), judged)
		if err != nil {
			return err
		}
		var rounds figures.Rounds
		err = g.East.Do(func() (err error) {
			rounds, err = b.judge(ctx, d, map[string]*ebpf.Program{"driver": empty, "parse": parser, "eroute": program})
			return err
		})
		d.close()
		if err != nil {
			return err
		}
		b.Add(c, rounds)
	}
	return nil
}

// judge runs each program on the driver's frames, round by round.
func (b *bench) judge(ctx context.Context, d *driver, programs map[string]*ebpf.Program) (figures.Rounds, error) {
	lan, err := netlink.LinkByName(lab.LAN)
	if err != nil {
		return nil, fmt.Errorf("find %s: %w", lab.LAN, err)
	}
	const round = 1 << 17
	rounds := make(figures.Rounds)
	for i := range b.Rounds + 1 {
		for name, program := range programs {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			repeat := round
			if i == 0 {
				repeat = warmLaps * max(d.size, round)
			}
			ns, err := d.judge(program, lan.Attrs().Index, repeat)
			if err != nil {
				return nil, err
			}
			if i > 0 {
				rounds[name] = append(rounds[name], ns)
			}
		}
	}
	return rounds, nil
}
