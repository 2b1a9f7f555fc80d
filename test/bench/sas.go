// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// sas measures tables in which each eroute has its own SA, on a kernel with ESP: a packet, one more eroute,
// reconciling all, in us.
func (b *bench) sas(ctx context.Context) error {
	for _, states := range []struct {
		table  string
		reqids int // shared by the SAs; 0: each has its own
	}{{"hub v4", 0}, {"hub v4, one reqid", 1}} {
		for _, n := range b.sizes {
			if states.reqids != 0 && n > oneReqidLimit {
				continue
			}
			c := figures.Case{Section: figures.SAs, Table: states.table, Eroutes: n, Traffic: uniform}
			b.progress(c)
			rounds, err := b.sasOf(ctx, n, states.reqids)
			if err != nil {
				return fmt.Errorf("%d SAs: %w", n, err)
			}
			b.Add(c, rounds)
		}
	}
	return nil
}

// oneReqidLimit is the maximum number of SAs with the same reqid: the kernel scans them for each new one.
const oneReqidLimit = 10000

func (b *bench) sasOf(ctx context.Context, n, reqids int) (rounds figures.Rounds, err error) {
	g, err := newGateway(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if err := g.addStates(ctx, n+1, reqids); err != nil {
		return nil, err
	}
	table, err := g.attachTable(ctx, nil, eroute.Drop)
	if err != nil {
		return nil, err
	}
	selectors := hub(nil, n+1, false)
	changes := make([]eroute.Change, n+1)
	for i, s := range selectors {
		said, err := eroute.ParseSAID(ctx, fmt.Sprintf("esp0x%x@%s", firstSPI+i, g.West.WAN4), nil)
		if err != nil {
			return nil, err
		}
		changes[i] = eroute.Change{Op: eroute.OpAdd, Selector: s, SAID: said}
	}
	d, err := newDriver(framesOf(some(b.random, flowsOf(b.random, selectors[:n]), most)), sent)
	if err != nil {
		return nil, err
	}
	defer d.close()
	err = g.East.Do(func() error {
		started := time.Now()
		if err := table.Apply(ctx, changes[:n]); err != nil {
			return err
		}
		load := time.Since(started)
		if rounds, err = b.send(ctx, d, 1, map[string]*gateway{"packet": g}, micros); err != nil {
			return err
		}
		rounds["load-each"] = []float64{float64(load.Microseconds()) / float64(n)}
		for range b.Rounds {
			if err := changeSAs(ctx, table, changes[n], rounds); err != nil {
				return err
			}
		}
		return nil
	})
	return rounds, err
}

// changeSAs adds and deletes one eroute, and reconciles all SAs.
func changeSAs(ctx context.Context, table *maps.Table, add eroute.Change, rounds figures.Rounds) error {
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"add", func() error { return table.Apply(ctx, []eroute.Change{add}) }},
		{"del", func() error { return table.Apply(ctx, []eroute.Change{{Op: eroute.OpDel, Selector: add.Selector}}) }},
		{"reconcile", func() error { return table.Sync(ctx) }},
	} {
		started := time.Now()
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
		rounds[step.name] = append(rounds[step.name], float64(time.Since(started).Microseconds()))
	}
	return nil
}
