// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"cmp"
	"context"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Options are the options of a comparison.
type Options struct {
	// Unmatched is the verdict for packets that no eroute matches; 0 is Dropped.
	Unmatched Kind
	// UnmatchedAfter is that of the second table, for packets that an eroute of the first one matches; 0 is Unmatched.
	UnmatchedAfter Kind
	// Work limits the comparison: the approximate number of pairs of selectors compared; 0 is enough for tables of
	// a million eroutes.
	Work int
}

// Unmatched returns the options of a comparison by whether packets without an eroute can leave in clear.
func Unmatched(passes bool) (o Options) {
	if passes {
		o.Unmatched = Clear
	}
	return o
}

// Opening returns the options of a comparison that finds all packets that a change may newly send in clear. If packets
// without an eroute can leave in clear through one interface, those that are routed into an ipsec device still drop: both
// the deletion of an eroute and a new %pass open.
func Opening(passes bool) (o Options) {
	if passes {
		o.UnmatchedAfter = Clear
	}
	return o
}

// defaultWork is a few seconds of work.
const defaultWork = 400_000_000

// Limits of a result: regions in total, and exceptions of each.
const (
	maxRegions = 1_000_000
	maxExcept  = 10_000
)

// Result is the difference of two tables.
type Result struct {
	Classes []Changes // sorted by importance; without classes that have no packets
	// Number of eroutes that only the second table has, that only the first has, that have another SAID, and that
	// are in both.
	Added, Deleted, Changed, Kept int
	// Incomplete means that the comparison was stopped because it was too large: more packets may have changed
	// than those in Classes. Those in Classes have changed.
	Incomplete bool
}

// Changes are the packets whose verdict changes in the same way.
type Changes struct {
	Class   Class
	Regions []Region // sorted like the listing; their union is the set of these packets
}

// Region is a set of packets whose verdict changes.
type Region struct {
	Selector eroute.Selector
	Except   []eroute.Selector // subsets of Selector that are not in the set
	Omitted  int               // number of exceptions not in Except
	Witness  eroute.Packet     // a packet of the set
	From, To Verdict           // of the witness
}

// Contains reports whether a packet is in the set. The result is wrong if exceptions are omitted.
func (r *Region) Contains(p eroute.Packet) bool {
	return r.Selector.Matches(p) && !slices.ContainsFunc(r.Except, func(s eroute.Selector) bool { return s.Matches(p) })
}

// OpensClear returns the changes that newly send packets in clear.
func (r *Result) OpensClear() (opens []Changes) {
	for _, c := range r.Classes {
		if c.Class.OpensClear() {
			opens = append(opens, c)
		}
	}
	return opens
}

// Compare returns what changes when table b replaces table a. Returns a [DuplicateError] if one of them has a
// selector twice, or the context's error.
func Compare(ctx context.Context, a, b *Table, o Options) (*Result, error) {
	for _, t := range []*Table{a, b} {
		if err := t.Sort(); err != nil {
			return nil, err
		}
	}
	unmatched := cmp.Or(o.Unmatched, Dropped)
	d := &differ{
		work: &budget{left: cmp.Or(o.Work, defaultWork)}, found: map[Class][]*region{},
		none: Verdict{Kind: unmatched}, after: Verdict{Kind: cmp.Or(o.UnmatchedAfter, unmatched)},
	}
	result := &Result{}
	for family := range a.families {
		d.join(a, b, family, result)
		if err := d.compare(ctx); err != nil {
			return nil, err
		}
		for class, regions := range d.found {
			d.publish(class, d.simplify(regions), result)
		}
		clear(d.found)
	}
	slices.SortFunc(result.Classes, func(a, b Changes) int { return cmp.Compare(a.Class.rank(), b.Class.rank()) })
	result.Incomplete = d.work.over || d.dropped
	return result, nil
}

// pair is an eroute of both tables, or of one; nil: the other has no eroute with this selector.
type pair struct{ old, new *rule }

func (p *pair) box() *box {
	if p.new != nil {
		return &p.new.box
	}
	return &p.old.box
}

// differs reports whether the eroute differs between the tables.
func (p *pair) differs() bool { return p.old == nil || p.new == nil || p.old.said != p.new.said }

// differ compares the eroutes of one family.
type differ struct {
	pairs   []pair
	v6      bool
	index   *index
	none    Verdict // verdict for packets that no eroute matches
	after   Verdict // the same, in the second table
	work    *budget
	found   map[Class][]*region
	count   int  // number of regions found
	dropped bool // some regions exceeded maxRegions
}

// join pairs the eroutes of both tables by selector.
func (d *differ) join(a, b *Table, family int, result *Result) {
	as, bs := a.families[family].all, b.families[family].all
	d.v6 = family == 1
	d.pairs = make([]pair, 0, max(len(as), len(bs))*17/16+64) // most are in both
	merge(as, bs, func(old, new *rule) {
		p := pair{old, new}
		switch {
		case old == nil:
			result.Added++
		case new == nil:
			result.Deleted++
		case p.differs():
			result.Changed++
		default:
			result.Kept++
		}
		d.pairs = append(d.pairs, p)
	})
	d.index = newIndex(len(d.pairs), func(i int) *box { return d.pairs[i].box() }, d.v6, d.work)
}

// compare finds the regions of all changed eroutes.
func (d *differ) compare(ctx context.Context) error {
	for i := range d.pairs {
		if !d.pairs[i].differs() {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if d.work.over || d.count > maxRegions {
			d.dropped = true
			return nil
		}
		d.pieces(i)
	}
	return nil
}

// verdict returns the verdict of an eroute; nil: that of no match.
func (d *differ) verdict(r *rule) Verdict {
	if r == nil {
		return d.none
	}
	said := r.said.unpack()
	return Verdict{KindOf(said), said, true}
}

// publish adds regions of a class to the result.
func (d *differ) publish(class Class, regions []*region, result *Result) {
	i := slices.IndexFunc(result.Classes, func(c Changes) bool { return c.Class == class })
	if i < 0 {
		i = len(result.Classes)
		result.Classes = append(result.Classes, Changes{Class: class})
	}
	c := &result.Classes[i]
	slices.SortFunc(regions, func(a, b *region) int { return a.compare(&b.box) })
	for _, r := range regions {
		public := Region{Selector: r.selector(d.v6), Omitted: r.omitted, Witness: r.witness, From: r.from, To: r.to}
		for i := range r.except {
			public.Except = append(public.Except, r.except[i].selector(d.v6))
		}
		c.Regions = append(c.Regions, public)
	}
}
