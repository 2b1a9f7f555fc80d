// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/internal/vm"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// The packets of a round of section failover. The first SA is deleted when half of them have been sent.
const (
	failoverRate    = 10000 // a second
	failoverPackets = 2 * failoverRate
)

// failoverSubjects are ways to use a second SA when the first one has been deleted.
var failoverSubjects = []struct {
	name    string
	prepare cpuPreparation
}{
	{"policies", twoPolicies},
	{"interfaces", twoInterfaces},
	{"eroute", erouteTo(twoReqids, eroute.SpreadFailover)},
}

// twoReqids are two SAs that policies can select.
var twoReqids = []lab.Tunnel{{ReqID: 1}, {ReqID: 2}}

// failover counts the packets that are lost when the first of two SAs is deleted under traffic.
func (b *bench) failover(ctx context.Context) error {
	if !b.guest {
		return b.inVM(ctx, vm.Guest{}, figures.Failover)
	}
	sink, err := newOrderSink(ctx)
	if err != nil {
		return err
	}
	defer sink.coll.Close()
	c := figures.Case{Section: figures.Failover}
	b.progress(c)
	rounds := figures.Rounds{}
	for range b.Rounds {
		for _, s := range failoverSubjects {
			lost, err := deleteUnderTraffic(ctx, sink, s.prepare)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			rounds[s.name] = append(rounds[s.name], lost)
		}
	}
	b.Add(c, rounds)
	return nil
}

// deleteUnderTraffic returns the number of packets lost. None may arrive in clear.
func deleteUnderTraffic(ctx context.Context, sink *orderSink, prepare cpuPreparation) (lost float64, err error) {
	g, err := newGatewayTo(ctx, sink.program())
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	sas, err := prepare(ctx, g, lab.Null)
	if err != nil {
		return 0, err
	}
	deleted := make(chan error, 1)
	a, err := sink.check(func() error {
		go func() {
			if err := g.waitFor(failoverPackets / 2); err != nil {
				deleted <- err
				return
			}
			_, err := g.East.IP(ctx, strings.Fields(fmt.Sprintf("xfrm state delete src %s dst %s proto esp spi 0x%x", g.East.WAN4, g.West.WAN4, sas[0].SPI))...)
			deleted <- err
		}()
		p := pktgen{src: countedSource, dst: countedFirst, flows: cpuFlows, cpus: 1, size: pktgenSize, rate: failoverRate}
		_, err := p.send(g, failoverPackets)
		return errors.Join(err, <-deleted)
	})
	switch {
	case err != nil:
		return 0, err
	case a.clear != 0:
		return 0, fmt.Errorf("%d packets are in clear", a.clear)
	}
	return float64(failoverPackets - a.packets), nil
}

// waitFor waits until the gateway has received that many more packets.
func (g *gateway) waitFor(packets uint64) error {
	before, err := g.received()
	if err != nil {
		return err
	}
	for began := time.Now(); time.Since(began) < resultPatience; time.Sleep(time.Millisecond) {
		t, err := g.received()
		if err != nil || t.in-before.in >= packets {
			return err
		}
	}
	return fmt.Errorf("fewer than %d packets were received in %v", packets, resultPatience)
}

// twoPolicies gives East two policies of different priority, an SA each. XFRM has one policy for a selector: that of the
// second one has more sources.
func twoPolicies(ctx context.Context, g *gateway, suite string) ([]*lab.SA, error) {
	sas, err := g.installSAs(twoReqids, suite)
	if err != nil {
		return nil, err
	}
	for i, t := range twoReqids {
		selector := everything
		selector.Src = netip.PrefixFrom(countedSource, 32-i).Masked()
		if err := g.addPolicies(ctx, []eroute.Selector{selector}, g.template(t, fmt.Sprintf("priority %d", t.ReqID))); err != nil {
			return nil, err
		}
	}
	return sas, nil
}

// twoInterfaces gives East two XFRM interfaces, an SA each, and routes with different metrics.
func twoInterfaces(ctx context.Context, g *gateway, suite string) ([]*lab.SA, error) {
	tunnels := []lab.Tunnel{{ReqID: 1, IfID: 1}, {ReqID: 2, IfID: 2}}
	sas, err := g.installSAs(tunnels, suite)
	if err != nil {
		return nil, err
	}
	for _, t := range tunnels {
		for _, args := range []string{
			"xfrm policy add src 0.0.0.0/0 dst 0.0.0.0/0 " + g.template(t, fmt.Sprintf("if_id %d", t.IfID)),
			fmt.Sprintf("link add xfrm%d type xfrm dev wan if_id %[1]d", t.IfID),
			fmt.Sprintf("link set xfrm%d up", t.IfID),
			fmt.Sprintf("route add %s dev xfrm%d metric %[2]d", everything.Dst, t.IfID),
		} {
			if _, err := g.East.IP(ctx, strings.Fields(args)...); err != nil {
				return nil, err
			}
		}
	}
	return sas, nil
}
