// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"slices"
)

// maxRounds limits the passes over the regions; two or three usually suffice.
const maxRounds = 16

// simplify returns fewer regions with the same union: none is in another, none has an exception that is entirely
// in another, and no two are halves of a box. The result is not minimal: the smallest cover by boxes is a hard
// problem.
func (d *differ) simplify(regions []*region) []*region {
	for range maxRounds {
		changed := d.fill(regions)
		changed = d.drop(regions) || changed
		regions, changed = joinHalves(living(regions), changed)
		regions = living(regions)
		for _, r := range regions {
			changed = r.shrink() || changed
		}
		if !changed || d.work.over {
			break
		}
	}
	for _, r := range regions {
		if r.omitted == 0 {
			r.except = d.joinBoxes(r.except)
		}
	}
	return regions
}

func living(regions []*region) []*region {
	return slices.DeleteFunc(regions, func(r *region) bool { return r.dead })
}

// indexOf returns the sorted regions and their index.
func (d *differ) indexOf(regions []*region) ([]*region, *index) {
	sorted := slices.Clone(regions)
	slices.SortFunc(sorted, func(a, b *region) int { return a.compare(&b.box) })
	return sorted, newIndex(len(sorted), func(i int) *box { return &sorted[i].box }, d.v6, d.work)
}

// fill removes exceptions that another region covers without exceptions of its own. If the exception equals the
// box of the other region, it is replaced by that region's exceptions. drop removes the regions this makes
// redundant.
func (d *differ) fill(regions []*region) (changed bool) {
	sorted, x := d.indexOf(regions)
	specific := slices.Clone(regions)
	slices.SortStableFunc(specific, func(a, b *region) int { return a.moreSpecific(&b.box) })
	for _, r := range specific {
		if r.omitted > 0 || len(r.except) == 0 || d.work.over {
			continue
		}
		r.except = d.maximal(r.except)
		var except []box
		for i := range r.except {
			rest := r.except[i : i+1]
			x.containing(&r.except[i], func(j int) bool {
				if other := sorted[j]; other != r && other.omitted == 0 {
					if within, takes := r.without(i, other); takes {
						rest, changed = within, true
						return false
					}
				}
				return true
			})
			except = append(except, rest...)
		}
		r.except = d.maximal(except)
	}
	return changed
}

// without returns the exceptions that replace the i-th one if r absorbs q's region. It does so only if
// fewer exceptions remain in total: q has none there, or q becomes redundant.
func (r *region) without(i int, q *region) (within []box, takes bool) {
	e := &r.except[i]
	for k := range q.except {
		if part, meets := q.except[k].meet(e); meets {
			within = append(within, part)
		}
	}
	if len(within) == 0 {
		return nil, true
	}
	if q.box != *e {
		return nil, false
	}
	for k := range r.except {
		if _, meets := r.except[k].meet(e); meets && k != i {
			return nil, false
		}
	}
	return within, true
}

// drop marks regions that lie in another one.
func (d *differ) drop(regions []*region) (changed bool) {
	sorted, x := d.indexOf(regions)
	for _, r := range sorted {
		if r.dead || r.omitted > 0 || d.work.over {
			continue
		}
		x.containing(&r.box, func(j int) bool {
			other := sorted[j]
			if other != r && !other.dead && other.omitted == 0 && other.takes(r) {
				r.dead, changed = true, true
			}
			return !r.dead
		})
	}
	return changed
}

// takes reports whether all of q is in r, whose box contains that of q.
func (r *region) takes(q *region) bool {
	for i := range r.except {
		part, meets := r.except[i].meet(&q.box)
		if meets && !slices.ContainsFunc(q.except, func(e box) bool { return e.contains(&part) }) {
			return false
		}
	}
	return true
}

// joinHalves merges pairs of regions whose boxes are the two halves of a box.
func joinHalves(regions []*region, changed bool) ([]*region, bool) {
	at := make(map[box]*region, len(regions))
	for _, r := range regions {
		if other := at[r.box]; other != nil && other.join(r) {
			r.dead, changed = true, true
		} else if r.omitted == 0 {
			at[r.box] = r
		}
	}
	for i := 0; i < len(regions); i++ { // regions grows
		r := regions[i]
		if r.dead || at[r.box] != r {
			continue
		}
		for _, pair := range r.halves() {
			other := at[pair.other]
			if other == nil || at[pair.whole] != nil {
				continue
			}
			delete(at, r.box)
			delete(at, other.box)
			r.dead, other.dead, changed = true, true, true
			whole := &region{box: pair.whole, except: slices.Concat(r.except, other.except), witness: r.witness, from: r.from, to: r.to}
			at[whole.box] = whole
			regions = append(regions, whole)
			break
		}
	}
	return regions, changed
}

// maxJoin limits the product of the exceptions of two regions with the same box that are merged.
const maxJoin = 4096

// join merges a region with the same box, unless that is too much work: the exceptions are intersected.
func (r *region) join(q *region) bool {
	if q.omitted > 0 || len(r.except)*len(q.except) > maxJoin {
		return false
	}
	var except []box
	for i := range r.except {
		for j := range q.except {
			if part, meets := r.except[i].meet(&q.except[j]); meets {
				except = append(except, part)
			}
		}
	}
	r.except = except
	return true
}

// half is the other half of a box, and the union of both.
type half struct{ other, whole box }

// halves returns the boxes that b can be a half of: by destination and by source.
func (b *box) halves() (all []half) {
	if b.dst.bits > 0 {
		h := half{*b, *b}
		h.other.dst, h.whole.dst = b.dst.halves()
		all = append(all, h)
	}
	if b.src.bits > 0 {
		h := half{*b, *b}
		h.other.src, h.whole.src = b.src.halves()
		all = append(all, h)
	}
	return all
}

// halves returns the other half of the prefix that is one bit shorter, and that prefix.
func (p prefix) halves() (other, whole prefix) {
	bit := p.bits - 1
	other = p
	if bit < 64 {
		other.addr.hi ^= 1 << (63 - bit)
	} else {
		other.addr.lo ^= 1 << (127 - bit)
	}
	return other, prefix{p.addr.masked(bit), bit}
}

// shrink halves a region's box while an exception is exactly one half of it.
func (r *region) shrink() (changed bool) {
	for ; r.omitted == 0; changed = true {
		i := slices.IndexFunc(r.except, func(e box) bool {
			return slices.ContainsFunc(e.halves(), func(h half) bool { return h.whole == r.box })
		})
		if i < 0 {
			break
		}
		for _, h := range r.except[i].halves() {
			if h.whole == r.box {
				r.box = h.other
				break
			}
		}
		var except []box
		for i := range r.except {
			if part, meets := r.except[i].meet(&r.box); meets {
				except = append(except, part)
			}
		}
		r.except = except
	}
	return changed
}

// joinBoxes returns fewer boxes with the same union, sorted.
func (d *differ) joinBoxes(boxes []box) []box {
	for range maxRounds {
		regions := make([]*region, len(boxes))
		for i := range boxes {
			regions[i] = &region{box: boxes[i]}
		}
		joined, changed := joinHalves(regions, false)
		boxes = boxes[:0]
		for _, r := range joined {
			if !r.dead {
				boxes = append(boxes, r.box)
			}
		}
		boxes = d.maximal(boxes)
		if !changed {
			break
		}
	}
	return boxes
}
