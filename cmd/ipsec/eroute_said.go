// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// checkEroute is check, and that a SAID is given whole, in one way, where the action
// needs one.
func checkEroute(a *action, p *parsed, common optionMask) error {
	if part, ok := p.first(saidPartOptions); ok && p.has(optSaid) {
		return fmt.Errorf("%s and %s: give the SAID one way or the other", p.quote(optSaid), p.quote(part))
	}
	if err := a.check(p, common); err != nil {
		return err
	}
	if part, ok := p.first(saidPartOptions); ok {
		if missing := p.missing(saidPartOptions); missing != "" {
			return fmt.Errorf("%s: a complete SAID needs %s too", p.quote(part), missing)
		}
		return nil
	}
	if p.has(optSaid) || a.option == optDel || a.takes&saidOptions == 0 {
		return nil
	}
	return fmt.Errorf("%s needs a SAID: --said, or --af, --edst, --spi and --proto", p.name(a.option))
}

// said parses the SAID, if one is given.
func (r *parser) said(p *parsed) (eroute.SAID, error) {
	if f := p.field(optSaid); f.given() {
		said, err := eroute.ParseSAID(r.ctx, f.text, r.resolver)
		if err != nil {
			return said, f.refuse(err)
		}
		return said, nil
	}
	if p.has(optSPI) {
		return eroute.NewSAID(r.ctx, p.value(optAf), p.value(optEdst), p.value(optSPI), p.value(optProto), r.resolver)
	}
	return eroute.SAID{}, nil
}
