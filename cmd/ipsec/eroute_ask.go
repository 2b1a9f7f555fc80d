// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

var askOptions = maskOf(optAcquireMode, optAcquireProto, optAcquirePeer, optAcquireReqID)

// ask parses how a trap asks key managers; the zero Ask if nothing is said of it.
func (r *parser) ask(p *parsed, said eroute.SAID) (a eroute.Ask, err error) {
	given, ok := p.first(askOptions)
	if !ok {
		return a, nil
	}
	if !said.Action().IsTrap() {
		return a, fmt.Errorf("%s: %s takes no --acquire options", p.quote(given), said)
	}
	a = eroute.DefaultAsk
	if f := p.field(optAcquireMode); f.given() {
		if a.Mode, err = eroute.ParseMode(f.text); err != nil {
			return a, f.refuse(err)
		}
	}
	if f := p.field(optAcquireProto); f.given() {
		if a.Proto, err = eroute.ParseAskProtocol(f.text); err != nil {
			return a, f.refuse(err)
		}
	}
	if f := p.field(optAcquirePeer); f.given() {
		if a.Peer, err = eroute.ParseAddr(r.ctx, f.text, 0, r.resolver); err != nil {
			return a, f.refuse(err)
		}
	}
	if f := p.field(optAcquireReqID); f.given() {
		n, err := eroute.ParseNumber(f.text, 32)
		if err != nil {
			return a, f.refuse(err)
		}
		a.ReqID = uint32(n)
	}
	return a, nil
}
