// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// firstSPI is the first SPI of the SAs in use.
const firstSPI = 0x10000

var encrypters = []subject{
	{"one-policy", func(ctx context.Context, g *gateway, _ []eroute.Selector) error {
		anywhere := netip.MustParsePrefix("0.0.0.0/0")
		return g.encrypt(ctx, []eroute.Selector{{Src: anywhere, Dst: anywhere}})
	}, 0},
	{"eroute", func(ctx context.Context, g *gateway, selectors []eroute.Selector) error {
		if err := g.addStates(ctx, 1, 1); err != nil {
			return err
		}
		said, err := eroute.ParseSAID(ctx, fmt.Sprintf("esp0x%x@%s", firstSPI, g.West.WAN4), nil)
		if err != nil {
			return err
		}
		_, err = g.attachTable(ctx, selectors, said)
		return err
	}, 0},
	{"xfrm", func(ctx context.Context, g *gateway, selectors []eroute.Selector) error {
		return g.encrypt(ctx, selectors)
	}, policyLimit},
}

// esp measures the cost of a packet that is encrypted and sent, on a kernel with ESP: with one policy for
// everything, by eroutes, and by as many policies; all lead to the same SA.
func (b *bench) esp(ctx context.Context) error {
	for _, n := range b.sizes {
		selectors := hub(nil, n, false)
		packets := some(b.random, flowsOf(b.random, selectors), 1000)
		c := figures.Case{Section: figures.ESP, Table: "hub v4", Eroutes: n, Traffic: hot}
		b.progress(c)
		err := b.withGateways(ctx, encrypters, selectors, func(gateways map[string]*gateway) error {
			d, err := newDriver(framesOf(packets), sent)
			if err != nil {
				return err
			}
			defer d.close()
			rounds, err := b.send(ctx, d, 1, gateways, micros)
			b.Add(c, rounds)
			return err
		})
		if err != nil {
			return fmt.Errorf("%d eroutes: %w", n, err)
		}
	}
	return nil
}

// micros is the cost of a received packet, in us.
func micros(r rates) (float64, error) {
	if r.out < r.in*0.9 {
		return 0, fmt.Errorf("of %.0f packets a second only %.0f got through", r.in, r.out)
	}
	return 1e6 / r.out, nil
}

// encrypt gives East an SA and a policy for each selector that leads to it.
func (g *gateway) encrypt(ctx context.Context, selectors []eroute.Selector) error {
	if err := g.addStates(ctx, 1, 1); err != nil {
		return err
	}
	return g.addPolicies(ctx, selectors, fmt.Sprintf("dir out tmpl src %s dst %s proto esp spi 0x%x mode tunnel", g.East.WAN4, g.West.WAN4, firstSPI))
}

// addStates adds that many SAs to West on East, with that many reqids from 0; if that is 0, each has its own
// reqid, as with key managers.
func (g *gateway) addStates(ctx context.Context, n, reqids int) error {
	if reqids == 0 {
		reqids = n
	}
	key := strings.Repeat("5a", 20)
	return g.batch(ctx, n, func(i int) string {
		return fmt.Sprintf("xfrm state add src %s dst %s proto esp spi 0x%x reqid %d mode tunnel aead rfc4106(gcm(aes)) 0x%s 128",
			g.East.WAN4, g.West.WAN4, firstSPI+i, i%reqids, key)
	})
}
