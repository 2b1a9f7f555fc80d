// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"

	"github.com/ipsec-eroute/eroute/internal/lab"
	"github.com/ipsec-eroute/eroute/pkg/device"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// scenarios are measured in this order. Those without eroutes come first: the module esp4_offload, which an
// attach loads and which stays loaded, makes ESP more expensive.
var scenarios = []scenario{
	{name: figures.Plain},
	{name: "plain, empty XDP program", prepare: emptyXDP},
	{name: "XFRM policies", eroutes: 1, prepare: outPolicies, outcome: encrypted},
	{name: "XFRM policies", eroutes: 10000, prepare: outPolicies, outcome: encrypted},
	{name: "XFRM policies", eroutes: 100000, prepare: outPolicies, outcome: encrypted},
	{name: "XFRM interface", prepare: xfrmInterface, outcome: encrypted},
	{name: "XFRM policies, esp4_offload", eroutes: 1, prepare: withESPOffload(outPolicies), outcome: encrypted},
	{name: "XFRM interface, esp4_offload", prepare: withESPOffload(xfrmInterface), outcome: encrypted},
	{name: "XFRM policies, no eroute", eroutes: 1, prepare: both(attached(toOthers), outPolicies), outcome: encrypted},
	{name: "XFRM policies, --follow", eroutes: 1, prepare: followed, outcome: encrypted},
	{name: "XFRM policies, --follow", eroutes: 10000, prepare: followed, outcome: encrypted},
	{name: "XFRM policies, --follow", eroutes: 100000, prepare: followed, outcome: encrypted},

	{name: "SA eroutes", eroutes: 1, prepare: attached(toSA), outcome: encrypted},
	{name: "SA eroutes", eroutes: 10000, prepare: attached(toSA), outcome: encrypted},
	{name: "SA eroutes", eroutes: 100000, prepare: attached(toSA), outcome: encrypted},
	{name: "SA eroutes, group of two", eroutes: 1, prepare: attached(toGroup), outcome: encrypted},
	{name: "SA eroutes, --ingress", eroutes: 1, prepare: attached(toSA, lab.LAN), outcome: encrypted},
	{name: "SA eroutes, --ingress", eroutes: 10000, prepare: attached(toSA, lab.LAN), outcome: encrypted},
	{name: "SA eroutes, --ingress", eroutes: 100000, prepare: attached(toSA, lab.LAN), outcome: encrypted},
	{name: "SA eroutes, --routed", eroutes: 1, prepare: routed(toSA), outcome: encrypted},
	{name: "SA eroutes, --routed", eroutes: 10000, prepare: routed(toSA), outcome: encrypted},
	{name: "SA eroutes, --routed", eroutes: 100000, prepare: routed(toSA), outcome: encrypted},
	{name: "SA eroutes, --routed --ingress", eroutes: 1, prepare: routed(toSA, lab.LAN), outcome: encrypted},
	{name: "SA eroutes, --routed --ingress", eroutes: 10000, prepare: routed(toSA, lab.LAN), outcome: encrypted},
	{name: "SA eroutes, --routed --ingress", eroutes: 100000, prepare: routed(toSA, lab.LAN), outcome: encrypted},

	{name: "%pass eroutes", eroutes: 1, prepare: attached(pass)},
	{name: "%pass eroutes, --ingress", eroutes: 1, prepare: attached(pass, lab.LAN)},
	{name: "%pass eroutes, --routed", eroutes: 1, prepare: routed(pass)},
	{name: "%pass eroutes, --routed --ingress", eroutes: 1, prepare: routed(pass, lab.LAN)},
	{name: "%drop eroutes", eroutes: 1, prepare: attached(drop), outcome: dropped},
	{name: "%drop eroutes, --ingress", eroutes: 1, prepare: attached(drop, lab.LAN), outcome: dropped},

	{name: "no eroute", prepare: attached(toOthers)},
	{name: "no eroute, --ingress", prepare: attached(toOthers, lab.LAN)},
	{name: "no eroute, --routed", prepare: attachedAs(device.Config{Physical: lab.WAN, Routed: true}, toOthers)},
	{name: "no eroute, other devices attached", prepare: attachedElsewhere},

	{name: "plain, ESP", prepare: asESP(nil), queued: true},
	{name: "no eroute, ESP", prepare: asESP(attached(toOthers)), queued: true},
	{name: "no eroute, ESP, --ingress", prepare: asESP(attached(toOthers, lab.LAN)), queued: true},
}

// preparation configures the gateway, with that many eroutes or policies.
type preparation func(ctx context.Context, g *gateway, n int) error

// emptyXDP attaches an empty XDP program to lan, which moves its receive path to NAPI.
func emptyXDP(_ context.Context, g *gateway, _ int) error {
	return g.attachXDP(lab.LAN, returns(xdpPass))
}
