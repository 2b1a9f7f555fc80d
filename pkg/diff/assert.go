// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Assertion is a required verdict for all packets of a selector. Dropped includes rejected.
type Assertion struct {
	Selector eroute.Selector
	Want     Kind
}

// Failure is an assertion that does not hold.
type Failure struct {
	Index   int           // of the assertion
	Witness eroute.Packet // a packet of its selector
	Got     Verdict       // of the witness
}

// ErrTooLarge means that a proof was given up because it exceeded the work limit.
var ErrTooLarge = errors.New("too large to prove")

// Assert returns the assertions that do not hold for a table, each with a counterexample. Returns a
// [DuplicateError] if the table has a selector twice, [ErrTooLarge] if not all could be proven, or the context's
// error.
func (t *Table) Assert(ctx context.Context, all []Assertion, o Options) (failures []Failure, err error) {
	if err := t.Sort(); err != nil {
		return nil, err
	}
	d := &differ{work: &budget{left: cmp.Or(o.Work, defaultWork)}, none: Verdict{Kind: cmp.Or(o.Unmatched, Dropped)}}
	for family := range t.families {
		rules := t.families[family].all
		d.v6 = family == 1
		d.index = newIndex(len(rules), func(i int) *box { return &rules[i].box }, d.v6, d.work)
		for i := range all {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if isV6(all[i].Selector.Src.Addr()) != d.v6 {
				continue
			}
			if p, got, fails := d.refute(&all[i], rules); fails {
				failures = append(failures, Failure{i, p, got})
			}
		}
	}
	if d.work.over {
		err = ErrTooLarge
	}
	slices.SortFunc(failures, func(a, b Failure) int { return cmp.Compare(a.Index, b.Index) })
	return failures, err
}

// refute searches for a packet that violates an assertion.
func (d *differ) refute(a *Assertion, rules []rule) (p eroute.Packet, got Verdict, fails bool) {
	b := newBox(a.Selector)
	var deciding []lower
	d.index.meeting(&b, func(i int) {
		part, _ := rules[i].meet(&b)
		deciding = append(deciding, lower{&rules[i], part})
	})
	slices.SortFunc(deciding, func(a, b lower) int { return a.rule.moreSpecific(&b.rule.box) })
	deciding = append(deciding, lower{part: b})
	ordered := newOrdered(deciding, d.v6, d.work)
	for n := range deciding {
		l := &deciding[n]
		if got = d.verdict(l.rule); !got.Kind.satisfies(a.Want) {
			var before []box
			ordered.before(n, func(b *box) bool {
				before = append(before, *b)
				return b.contains(&l.part)
			})
			if p, fails = d.find(&l.part, before); fails {
				return p, got, true
			}
		}
		if l.part == b || d.work.over {
			break
		}
	}
	return p, got, false
}
