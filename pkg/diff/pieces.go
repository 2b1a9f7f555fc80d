// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// region is a box minus other boxes, which lie in it.
type region struct {
	box
	except   []box
	omitted  int // exceptions not kept; such a region is not simplified
	witness  eroute.Packet
	from, to Verdict
	dead     bool // contained in another region
}

// lower is a less specific eroute, which decides where a more specific one is missing.
type lower struct {
	rule *rule // nil: no eroute
	part box   // intersection with the more specific eroute
}

// pieces finds the changes of packets whose most specific eroute in both tables is the i-th. If both tables have
// it, they are one piece. If only one table has it, less specific eroutes decide in the other table: one piece for
// each of them.
func (d *differ) pieces(i int) {
	s := d.pairs[i]
	whole := *s.box()
	var higher []box
	var below []lower
	d.index.meeting(&whole, func(j int) {
		if i == j {
			return
		}
		r := &d.pairs[j]
		part, _ := r.box().meet(&whole)
		if r.box().moreSpecific(&whole) < 0 {
			higher = append(higher, part)
		} else if rule := r.other(s); rule != nil {
			below = append(below, lower{rule, part})
		}
	})
	higher = d.maximal(higher)
	from, to := d.verdict(s.old), d.verdict(s.new)
	if s.old != nil && s.new != nil {
		d.add(whole, higher, from, to)
		return
	}
	above := newCover(higher, d.v6, d.work)
	slices.SortFunc(below, func(a, b lower) int { return a.rule.moreSpecific(&b.rule.box) })
	below = append(below, lower{part: whole})
	ordered := newOrdered(below, d.v6, d.work)
	for n := range below {
		if d.work.over {
			return
		}
		l := &below[n]
		except := above.within(&l.part)
		covered := ordered.before(n, func(b *box) bool {
			if b.contains(&l.part) {
				return true
			}
			except = append(except, *b)
			return false
		})
		if !covered {
			if s.old == nil {
				from = d.verdict(l.rule)
			} else if to = d.after; l.rule != nil {
				to = d.verdict(l.rule)
			}
			d.add(l.part, except, from, to)
		}
		if l.part == whole {
			return // covers everything: later eroutes are never reached
		}
	}
}

// other returns the eroute of the table that lacks s.
func (p *pair) other(s pair) *rule {
	if s.old == nil {
		return p.old
	}
	return p.new
}

// add records a region, unless nothing changes in it or it is empty. except may lie partly outside of b.
func (d *differ) add(b box, except []box, from, to Verdict) {
	class := classOf(from, to)
	if class == (Class{}) {
		return
	}
	witness, some := d.find(&b, except)
	if !some {
		return
	}
	if d.count++; d.count > maxRegions {
		d.dropped = true
		return
	}
	r := &region{box: b, witness: witness, from: from, to: to}
	for i := range except {
		if part, meets := except[i].meet(&b); meets {
			r.except = append(r.except, part)
		}
	}
	if len(r.except) > maxExcept {
		r.except, r.omitted = r.except[:maxExcept:maxExcept], len(r.except)-maxExcept
	}
	d.found[class] = append(d.found[class], r)
}

// maximal returns the sorted boxes without those contained in others.
func (d *differ) maximal(boxes []box) []box { return maximal(boxes, d.v6, d.work) }

func maximal(boxes []box, v6 bool, work *budget) []box {
	if len(boxes) < 2 {
		return boxes
	}
	slices.SortFunc(boxes, func(a, b box) int { return a.compare(&b) })
	boxes = slices.Compact(boxes)
	x := newIndex(len(boxes), func(i int) *box { return &boxes[i] }, v6, work)
	var kept []box
	for i := range boxes {
		if x.containing(&boxes[i], func(j int) bool { return i == j }) {
			kept = append(kept, boxes[i])
		}
	}
	return kept
}

// cover is a set of boxes with an index for repeated intersections.
type cover struct {
	boxes []box // sorted
	index *index
}

func newCover(sorted []box, v6 bool, work *budget) *cover {
	return &cover{sorted, newIndex(len(sorted), func(i int) *box { return &sorted[i] }, v6, work)}
}

// within returns the intersections of the boxes with b.
func (c *cover) within(b *box) (parts []box) {
	c.index.meeting(b, func(i int) {
		part, _ := c.boxes[i].meet(b)
		parts = append(parts, part)
	})
	return parts
}

// ordered holds eroutes in order of precedence.
type ordered struct {
	all    []lower
	places []int32 // sorted by part
	index  *index
}

func newOrdered(all []lower, v6 bool, work *budget) *ordered {
	o := &ordered{all: all, places: make([]int32, len(all))}
	for i := range o.places {
		o.places[i] = int32(i)
	}
	slices.SortFunc(o.places, func(i, j int32) int { return all[i].part.compare(&all[j].part) })
	o.index = newIndex(len(all), func(i int) *box { return &all[o.places[i]].part }, v6, work)
	return o
}

// before calls f with the intersections of the n-th eroute and those before it, until f returns true. Reports
// whether it did.
func (o *ordered) before(n int, f func(*box) bool) (found bool) {
	part := &o.all[n].part
	o.index.meeting(part, func(i int) {
		if j := int(o.places[i]); j < n && !found {
			common, _ := o.all[j].part.meet(part)
			found = f(&common)
		}
	})
	return found
}
