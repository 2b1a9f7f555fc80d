// SPDX-License-Identifier: Apache-2.0

package erouteargs

import (
	"github.com/ipsec-eroute/eroute/internal/cli"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Change returns the change that checked options describe.
func (r *Parser) Change(p *cli.Parsed) (c eroute.Change, err error) {
	switch {
	case p.Has(OptClear):
		return eroute.Change{Op: eroute.OpClear}, nil
	case p.Has(OptAdd):
		c.Op = eroute.OpAdd
	case p.Has(OptReplace):
		c.Op = eroute.OpReplace
	case p.Has(OptDel):
		c.Op = eroute.OpDel
	}
	if c.Selector, err = r.selector(selectorFieldsOf(p), r.prefix); err != nil {
		return c, err
	}
	said, err := r.said(p)
	if c.Op == eroute.OpDel || err != nil {
		return c, err
	}
	c.SAID = said
	c.Acquire, err = r.acquire(p, said)
	return c, err
}
