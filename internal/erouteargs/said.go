// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"fmt"

	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Check is [cli.Action.Check], and also checks that the SAID is complete and given in one form only, if the action
// needs one.
func Check[C any](a *cli.Action[C], p *cli.Parsed, common cli.Mask) error {
	if part, ok := p.First(saidPartOptions); ok && p.Has(OptSAID) {
		return fmt.Errorf("%s and %s: give the SAID one way or the other", p.Quote(OptSAID), p.Quote(part))
	}
	if err := a.Check(p, common); err != nil {
		return err
	}
	if part, ok := p.First(saidPartOptions); ok {
		if missing := p.Missing(saidPartOptions); missing != "" {
			return fmt.Errorf("%s: a complete SAID needs %s too", p.Quote(part), missing)
		}
		return nil
	}
	if p.Has(OptSAID) || a.Option == OptDel || a.Takes&saidOptions == 0 {
		return nil
	}
	return fmt.Errorf("%s needs a SAID: --said, or --af, --edst, --spi and --proto", p.Name(a.Option))
}

// MagicSAIDs are the SAIDs that need no SA.
var MagicSAIDs = []eroute.SAID{eroute.Pass, eroute.Drop, eroute.Reject, eroute.Trap, eroute.TrapSubnet, eroute.Hold}

// said parses the SAID, if one is given.
func (r *Parser) said(p *cli.Parsed) (eroute.SAID, error) {
	if f := p.Field(OptSAID); f.Given() {
		said, err := eroute.ParseSAID(r.ctx, f.Text, r.resolver)
		if err != nil {
			return said, f.Refuse(err)
		}
		return said, nil
	}
	if p.Has(OptSPI) {
		return eroute.NewSAID(r.ctx, p.Value(OptAf), p.Value(OptEdst), p.Value(OptSPI), p.Value(OptProto), r.resolver)
	}
	return eroute.SAID{}, nil
}
