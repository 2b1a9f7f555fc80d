// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// subject is one way to handle packets, on its own gateway.
type subject struct {
	name string
	// prepare makes the gateway handle packets of these selectors in this way.
	prepare func(ctx context.Context, g *gateway, selectors []eroute.Selector) error
	most    int // maximum number of selectors; 0: unlimited
}

var droppers = []subject{
	{"bare", func(_ context.Context, g *gateway, _ []eroute.Selector) error { return g.dropAll(g.East, lab.LAN) }, 0},
	{"eroute", func(ctx context.Context, g *gateway, selectors []eroute.Selector) error {
		_, err := g.attachTable(ctx, selectors, eroute.Drop)
		return err
	}, 0},
	{"xfrm", func(ctx context.Context, g *gateway, selectors []eroute.Selector) error {
		return g.addPolicies(ctx, selectors, "dir fwd action block")
	}, policyLimit},
	{"nft-interval", func(ctx context.Context, g *gateway, selectors []eroute.Selector) error {
		return g.addRuleset(ctx, selectors, "flags interval;")
	}, 10000},
	{"nft-hash", func(ctx context.Context, g *gateway, selectors []eroute.Selector) error {
		return g.addRuleset(ctx, selectors, "")
	}, policyLimit},
}

// drops measures the packets per second dropped on veth, end to end.
func (b *bench) drops(ctx context.Context) error {
	for _, n := range b.sizes {
		selectors := hub(nil, n, false)
		flows := flowsOf(b.random, selectors)
		err := b.withGateways(ctx, droppers, selectors, func(gateways map[string]*gateway) error {
			for _, kind := range traffics[:2] {
				d, err := newDriver(framesOf(kind.packets(b.random, flows)), sent)
				if err != nil {
					return err
				}
				c := figures.Case{Section: figures.Drop, Table: "hub v4", Eroutes: n, Traffic: kind.name}
				err = b.drop(ctx, c, d, gateways)
				d.close()
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("%d eroutes: %w", n, err)
		}
	}
	return nil
}

func (b *bench) drop(ctx context.Context, c figures.Case, d *driver, gateways map[string]*gateway) error {
	for cpus := 1; cpus <= runtime.NumCPU(); cpus *= 2 {
		c.CPUs = cpus
		b.progress(c)
		rounds, err := b.send(ctx, d, cpus, gateways, func(r rates) (float64, error) {
			if r.out > r.in/1000 {
				return 0, fmt.Errorf("of %.0f packets a second %.0f got through", r.in, r.out)
			}
			return r.in / 1e6, nil
		})
		if err != nil {
			return err
		}
		b.Add(c, rounds)
	}
	return nil
}

// withGateways calls use with a gateway for each subject that accepts these selectors.
func (b *bench) withGateways(ctx context.Context, subjects []subject, selectors []eroute.Selector, use func(map[string]*gateway) error) (err error) {
	gateways := make(map[string]*gateway)
	defer func() {
		for _, g := range gateways {
			err = errors.Join(err, g.close())
		}
	}()
	for _, s := range subjects {
		if s.most > 0 && len(selectors) > s.most {
			continue
		}
		g, err := newGateway(ctx)
		if err != nil {
			return err
		}
		if s.prepare != nil {
			err = s.prepare(ctx, g, selectors)
		}
		if errors.Is(err, errRefused) {
			b.missing("%s with %d selectors: %v", s.name, len(selectors), err)
			if err := g.close(); err != nil {
				return err
			}
			continue
		}
		gateways[s.name] = g
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return use(gateways)
}

// send sends the driver's frames through each gateway, round by round.
func (b *bench) send(ctx context.Context, d *driver, cpus int, gateways map[string]*gateway, value func(rates) (float64, error)) (figures.Rounds, error) {
	rounds := make(figures.Rounds)
	for i := range b.Rounds + 1 {
		for name, g := range gateways {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			r, err := g.send(d, cpus)
			if err != nil {
				return nil, err
			}
			v, err := value(r)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if i > 0 { // the first round warms up
				rounds[name] = append(rounds[name], v)
			}
		}
	}
	return rounds, nil
}
