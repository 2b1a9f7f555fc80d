// SPDX-License-Identifier: Apache-2.0

// Package guard refuses changes of a table: those that send packets in clear that are not sent in clear now, and those
// after which an assertion about packets does not hold.
package guard

import (
	"context"
	"errors"
	"fmt"

	"github.com/ipsec-eroute/eroute/internal/render"
	"github.com/ipsec-eroute/eroute/pkg/diff"
)

// Guard restricts changes of a table. Its zero value allows all.
type Guard struct {
	NoNewClear string   // option or setting that forbids opening clear text; "": none
	Asserts    *Asserts // nil: none
	// PassesUnmatched means that packets without an eroute can leave in clear, through a watched interface.
	PassesUnmatched bool
}

// Needed reports whether tables must be compared.
func (g *Guard) Needed() bool { return g.NoNewClear != "" || g.Asserts != nil }

// Check compares the table before and after a change. Errors begin with what, the name of the operation.
func (g *Guard) Check(ctx context.Context, what string, before, after *diff.Table) (*diff.Result, error) {
	result, err := diff.Compare(ctx, before, after, diff.Opening(g.PassesUnmatched))
	if err != nil {
		return nil, err
	}
	if g.NoNewClear != "" {
		if err := checkNoNewClear(result); err != nil {
			return nil, fmt.Errorf("%s: %w: refused by %s", what, err, g.NoNewClear)
		}
	}
	if g.Asserts == nil {
		return result, nil
	}
	return result, g.Asserts.Check(ctx, after, diff.Unmatched(g.PassesUnmatched))
}

// checkNoNewClear refuses a change that opens clear text, or may do so.
func checkNoNewClear(r *diff.Result) error {
	opens := r.OpensClear()
	if len(opens) == 0 {
		if r.Incomplete {
			return errors.New("too large to compare completely: may open clear text")
		}
		return nil
	}
	n := 0
	for _, of := range opens {
		n += len(of.Regions)
	}
	first := &opens[0].Regions[0]
	more := ""
	if n > 1 {
		more = fmt.Sprintf(" and %s more", render.Number(n-1))
	}
	return fmt.Errorf("opens clear text for %s%s, %s", render.Region(first), more, render.Example(first))
}
