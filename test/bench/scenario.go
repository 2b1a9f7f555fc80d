// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// scenario is a configuration of the gateway under which the instructions of a packet are counted.
type scenario struct {
	name    string
	eroutes int // or policies
	prepare preparation
	outcome outcome
	queued  bool // packets pass the queueing discipline and programs at EastHost's egress
}

// outcome is what must happen to all packets.
type outcome int

const (
	inClear outcome = iota
	encrypted
	dropped
)

func (s scenario) String() string {
	if s.eroutes == 0 {
		return s.name
	}
	return fmt.Sprintf("%s, %d", s.name, s.eroutes)
}

// hotFlows is the maximum number of destinations of the packets.
const hotFlows = 1000

// Addresses of the packets: one source, and destinations from the first.
var (
	countedSource = netip.MustParseAddr("10.0.0.1")
	countedFirst  = netip.MustParseAddr("80.0.0.0")
)

// countedSelectors are n selectors of one source and one destination each. The packets match the first ones.
func countedSelectors(n int) []eroute.Selector {
	all := make([]eroute.Selector, n)
	for i := range all {
		all[i] = eroute.Selector{Src: netip.PrefixFrom(countedSource, 32), Dst: host(0x50000000, i, false)}
	}
	return all
}

// generator sends packets for the first eroutes, in turn.
func (s scenario) generator() pktgen {
	return pktgen{src: countedSource, dst: countedFirst, flows: max(min(s.eroutes, hotFlows), 1), cpus: 1, size: pktgenSize, queued: s.queued}
}

// check returns an error if not all packets of a round had the scenario's outcome.
func (s scenario) check(before, after traversal) error {
	in, out := after.in-before.in, after.out-before.out
	bytes := float64(after.outBytes-before.outBytes) / float64(max(out, 1))
	var wrong []string
	if in < roundPackets {
		wrong = append(wrong, fmt.Sprintf("%d of %d packets arrived", in, roundPackets))
	}
	const stray = 100 // neighbour discovery and such
	switch {
	case s.outcome == dropped && out > stray:
		wrong = append(wrong, fmt.Sprintf("%d packets were forwarded, not dropped", out))
	case s.outcome != dropped && out < roundPackets:
		wrong = append(wrong, fmt.Sprintf("%d of %d packets were forwarded", out, roundPackets))
	case s.outcome == inClear && bytes > pktgenSize+1, s.outcome == encrypted && bytes < pktgenSize+20:
		wrong = append(wrong, fmt.Sprintf("packets of %.0f bytes left, of %d sent", bytes, pktgenSize))
	}
	if wrong != nil {
		return fmt.Errorf("wrong outcome: %s", strings.Join(wrong, ", "))
	}
	return nil
}
