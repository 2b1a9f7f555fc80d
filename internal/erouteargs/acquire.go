// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"fmt"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// acquire parses the ACQUIRE parameters of a trap; the zero value if none are given.
func (r *Parser) acquire(p *cli.Parsed, said eroute.SAID) (a eroute.AcquireParams, err error) {
	given, ok := p.First(acquireOptions)
	if !ok {
		return a, nil
	}
	if !said.Traps() {
		return a, fmt.Errorf("%s: %s takes no --acquire options", p.Quote(given), said)
	}
	a = eroute.DefaultAcquire
	if f := p.Field(OptAcquireMode); f.Given() {
		if a.Mode, err = eroute.ParseMode(f.Text); err != nil {
			return a, f.Refuse(err)
		}
	}
	if f := p.Field(OptAcquireProto); f.Given() {
		if a.Proto, err = eroute.ParseAcquireProtocol(f.Text); err != nil {
			return a, f.Refuse(err)
		}
	}
	if f := p.Field(OptAcquirePeer); f.Given() {
		if a.Peer, err = eroute.ParseAddr(r.ctx, f.Text, 0, r.resolver); err != nil {
			return a, f.Refuse(err)
		}
	}
	if f := p.Field(OptAcquireReqID); f.Given() {
		n, err := eroute.ParseNumber(f.Text, 32)
		if err != nil {
			return a, f.Refuse(err)
		}
		a.ReqID = uint32(n)
	}
	if f := p.Field(OptAcquireSpread); f.Given() {
		if a.Spread, err = eroute.ParseAcquireSpread(f.Text); err != nil {
			return a, f.Refuse(err)
		}
	}
	return a, nil
}
