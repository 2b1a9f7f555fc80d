// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"text/tabwriter"

	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// packetCost is what packets of one kind cost on one table, in ns by probe.
type packetCost struct {
	Table   string             `json:"table"`
	Family  int                `json:"family"`
	Eroutes int                `json:"eroutes"`
	Traffic string             `json:"traffic"`
	Median  map[string]float64 `json:"ns_median"`
	Spread  map[string]float64 `json:"spread"` // of the middle half, as a part of the median
}

func measurePackets(ctx context.Context, r *rand.Rand, n, rounds int, w *tabwriter.Writer) (all []packetCost, err error) {
	for _, family := range []int{4, 6} {
		for _, s := range shapes {
			costs, err := measureTable(ctx, r, s, n, family, rounds)
			if err != nil {
				return all, fmt.Errorf("%s of %d, IPv%d: %w", s.name, n, family, err)
			}
			for _, c := range costs {
				c.print(w)
			}
			if err := w.Flush(); err != nil {
				return all, fmt.Errorf("print: %w", err)
			}
			all = append(all, costs...)
		}
	}
	return all, nil
}

func measureTable(ctx context.Context, r *rand.Rand, s shape, n, family, rounds int) (all []packetCost, err error) {
	table, err := maps.OpenWrite()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, table.Dir().Remove(), table.Close()) }()
	if err := table.SetLimit(uint32(max(n, 1000000))); err != nil {
		return nil, err
	}
	selectors := s.selectors(r, n, family == 6)
	changes := make([]eroute.Change, len(selectors))
	for i, sel := range selectors {
		changes[i] = eroute.Change{Op: eroute.OpAdd, Selector: sel, SAID: eroute.Drop}
	}
	if err := table.Apply(ctx, changes); err != nil {
		return nil, err
	}
	for _, kind := range traffics {
		cost := packetCost{Table: s.name, Family: family, Eroutes: n, Traffic: kind.name}
		if err := cost.measure(ctx, table, selectors, kind.packets(r, selectors), rounds); err != nil {
			return all, err
		}
		all = append(all, cost)
	}
	return all, nil
}

func (c *packetCost) measure(ctx context.Context, table *maps.Table, selectors []eroute.Selector, packets []packet, rounds int) error {
	p, err := newProber(table, selectors, packets)
	if err != nil {
		return err
	}
	defer p.close()
	times := make(map[string][]float64)
	for range rounds {
		for _, pr := range probes {
			if err := ctx.Err(); err != nil {
				return err
			}
			ns, err := p.nanoseconds(pr)
			if err != nil {
				return err
			}
			times[pr.name] = append(times[pr.name], ns)
		}
	}
	c.Median, c.Spread = make(map[string]float64), make(map[string]float64)
	for name, v := range times {
		c.Median[name], c.Spread[name] = median(v)
	}
	return nil
}

func (c *packetCost) print(w io.Writer) {
	m := c.Median
	_, _ = fmt.Fprintf(w, "%s v%d\t%d\t%s\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.0f\t%.1f\t%.1f\t\n",
		c.Table, c.Family, c.Eroutes, c.Traffic, m["walk"], m["hash"], m["lpm"], m["tries"], m["verdict"], m["counted"],
		m["verdict"]/m["hash"], m["counted"]/m["walk"])
}

func release() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}
