// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

var forwarders = []subject{
	{"plain", nil, 0},
	{"eroute", func(ctx context.Context, g *gateway, selectors []eroute.Selector) error {
		_, err := g.attachTable(ctx, selectors, eroute.Pass)
		return err
	}, 0},
	{"xfrm", func(ctx context.Context, g *gateway, selectors []eroute.Selector) error {
		return errors.Join(g.addPolicies(ctx, selectors, "dir fwd action allow"), g.addPolicies(ctx, selectors, "dir out action allow"))
	}, policyLimit},
}

// forwards measures the cost of a forwarded packet on veth, end to end: by the kernel alone, by %pass
// eroutes, and under XFRM policies that allow it.
func (b *bench) forwards(ctx context.Context) error {
	for _, n := range b.sizes {
		selectors := hub(nil, n, false)
		flows := flowsOf(b.random, selectors)
		err := b.withGateways(ctx, forwarders, selectors, func(gateways map[string]*gateway) error {
			for _, kind := range traffics[:2] {
				c := figures.Case{Section: figures.Forward, Table: "hub v4", Eroutes: n, Traffic: kind.name}
				b.progress(c)
				d, err := newDriver(framesOf(kind.packets(b.random, flows)), sent)
				if err != nil {
					return err
				}
				rounds, err := b.send(ctx, d, 1, gateways, micros)
				d.close()
				if err != nil {
					return err
				}
				b.Add(c, rounds)
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("%d eroutes: %w", n, err)
		}
	}
	return nil
}
