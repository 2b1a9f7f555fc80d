// SPDX-License-Identifier: Apache-2.0

package main

import (
	"net/netip"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/migrate"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// testPolicies returns the policies of a gateway with a running key manager.
func testPolicies() (migrate.Kernel, error) {
	site := xfrm.Policy{Dir: xfrm.Out, Src: netip.MustParsePrefix("10.1.0.0/16"), Dst: netip.MustParsePrefix("10.2.0.0/16"), Priority: 7}
	site.Templates = []xfrm.Template{{
		Dst: netip.MustParseAddr("192.0.2.2"), Proto: eroute.ProtoESP, Mode: xfrm.ModeTunnel, ReqID: 7,
	}}
	drop, marked, in := site, site, site
	drop.Templates, drop.Block, drop.Priority = nil, true, 6
	drop.Proto, drop.DstPort = 6, xfrm.PortMask{Port: 25, Mask: 0xffff}
	marked.Mark, marked.Mask = 5, 0xff
	in.Dir = xfrm.In
	return migrate.Kernel{Policies: []xfrm.Policy{site, drop, marked, in}, Negotiated: true}, nil
}
