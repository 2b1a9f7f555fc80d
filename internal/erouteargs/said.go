// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"fmt"
	"strings"

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
var MagicSAIDs = []eroute.SAID{eroute.Pass, eroute.Drop, eroute.Reject, eroute.Trap, eroute.TrapSubnet, eroute.Hold, eroute.XFRM}

// withSpread adds the texts of --spread and --return-after, if they are given, to that of --said.
func withSpread(p *cli.Parsed, said string) (string, error) {
	f, after := p.Field(OptSpread), p.Field(OptReturnAfter)
	switch {
	case !f.Given() && after.Given():
		return "", fmt.Errorf("%s needs --spread", p.Quote(OptReturnAfter))
	case !f.Given():
		return said, nil
	case !strings.Contains(said, ","):
		return "", fmt.Errorf("%s needs several SAs in --said, separated by commas", p.Quote(OptSpread))
	case strings.Contains(said, "/"):
		return "", fmt.Errorf("%s and %s: give the spread one way or the other", p.Quote(OptSpread), p.Quote(OptSAID))
	}
	if _, err := eroute.ParseSpread(f.Text); err != nil {
		return "", f.Refuse(err)
	}
	if !after.Given() {
		return said + "/" + f.Text, nil
	}
	if _, err := eroute.ParseReturnAfter(after.Text); err != nil {
		return "", after.Refuse(err)
	}
	return said + "/" + f.Text + "/" + after.Text, nil
}

// said parses the SAID, if one is given.
func (r *Parser) said(p *cli.Parsed) (eroute.SAID, error) {
	if f := p.Field(OptSAID); f.Given() {
		text, err := withSpread(p, f.Text)
		if err != nil {
			return eroute.SAID{}, err
		}
		said, err := eroute.ParseSAID(r.ctx, text, r.resolver)
		if err != nil {
			return said, f.Refuse(err)
		}
		return said, nil
	}
	if given, ok := p.First(cli.MaskOf(OptSpread, OptReturnAfter)); ok {
		return eroute.SAID{}, fmt.Errorf("%s needs several SAs in --said", p.Quote(given))
	}
	if p.Has(OptSPI) {
		return eroute.NewSAID(r.ctx, p.Value(OptAf), p.Value(OptEdst), p.Value(OptSPI), p.Value(OptProto), r.resolver)
	}
	return eroute.SAID{}, nil
}
