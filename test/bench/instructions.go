// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/internal/vm"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// Packets of a round, and before the first round.
const (
	roundPackets = 20000
	warmPackets  = 5000
)

// instructions counts instructions a packet for each scenario, in a VM in which one takes a nanosecond.
func (b *bench) instructions(ctx context.Context) error {
	if !b.guest {
		return b.inVM(ctx, vm.Guest{Count: true}, figures.Instructions, "-run", b.scenarios.String(), fmt.Sprintf("-profile=%t", b.profile))
	}
	if err := loadModules(ctx, "pktgen"); err != nil {
		return err
	}
	for _, s := range scenarios {
		if s.name != figures.Plain && !b.scenarios.MatchString(s.String()) {
			continue
		}
		c := figures.Case{Section: figures.Instructions, Scenario: s.name, Eroutes: s.eroutes}
		b.progress(c)
		each, err := b.count(ctx, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
		b.Add(c, figures.Rounds{"packet": each})
	}
	return nil
}

// count measures a scenario in namespaces of its own: a routing rule has a cost even after it was deleted.
func (b *bench) count(ctx context.Context, s scenario) (each []float64, err error) {
	g, err := newCountedGateway(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if s.prepare != nil {
		if err := s.prepare(ctx, g, s.eroutes); err != nil {
			return nil, err
		}
	}
	if _, err := s.generator().send(g, warmPackets); err != nil {
		return nil, err
	}
	for range b.Rounds {
		before, err := g.received()
		if err != nil {
			return nil, err
		}
		took, err := s.generator().send(g, roundPackets)
		if err != nil {
			return nil, err
		}
		after, err := g.received()
		if err != nil {
			return nil, err
		}
		if err := s.check(before, after); err != nil {
			return nil, err
		}
		each = append(each, float64(took.Nanoseconds())/roundPackets)
	}
	if b.profile {
		err = g.profile(s, each[0])
	}
	return each, err
}
