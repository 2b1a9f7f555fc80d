// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// verdicts measures the cost of a verdict for all tables and traffics.
func (b *bench) verdicts(ctx context.Context) error {
	for _, n := range b.sizes {
		for _, s := range shapes {
			for _, family := range families {
				if err := b.verdictsOf(ctx, s, n, family); err != nil {
					return fmt.Errorf("%s %s of %d: %w", s.name, family, n, err)
				}
			}
		}
	}
	return nil
}

func (b *bench) verdictsOf(ctx context.Context, s shape, n int, family string) error {
	selectors := s.selectors(b.random, n, family == v6)
	flows := flowsOf(b.random, selectors)
	return withTable(func(table *maps.Table) error {
		if err := load(ctx, table, selectors, eroute.Drop); err != nil {
			return err
		}
		for _, kind := range traffics {
			c := figures.Case{Section: figures.Verdict, Table: s.name + " " + family, Eroutes: n, Traffic: kind.name}
			b.progress(c)
			p, err := newProber(table, selectors, flows, kind.packets(b.random, flows), kind.once)
			if err != nil {
				return err
			}
			rounds, err := b.runProbes(ctx, p)
			p.close()
			if err != nil {
				return err
			}
			b.Add(c, rounds)
		}
		return nil
	})
}

// runProbes runs all probes, round by round.
func (b *bench) runProbes(ctx context.Context, p *prober) (figures.Rounds, error) {
	rounds := make(figures.Rounds)
	if err := p.warm(); err != nil {
		return nil, err
	}
	for range b.Rounds {
		for _, pr := range probes {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			ns, err := p.nanoseconds(pr)
			if err != nil {
				return nil, err
			}
			rounds[pr.name] = append(rounds[pr.name], ns)
		}
	}
	return rounds, nil
}

// withTable calls use with an empty table, which is removed afterwards.
func withTable(use func(*maps.Table) error) (err error) {
	table, err := maps.OpenWrite()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.Dir().Remove(), table.Close()) }()
	return use(table)
}

// load adds eroutes to a table, all with one SAID.
func load(ctx context.Context, table *maps.Table, selectors []eroute.Selector, said eroute.SAID) error {
	if err := table.SetLimit(uint32(max(len(selectors)+1, 1000000))); err != nil {
		return err
	}
	changes := make([]eroute.Change, len(selectors))
	for i, s := range selectors {
		changes[i] = eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: said}
	}
	return table.Apply(ctx, changes)
}
