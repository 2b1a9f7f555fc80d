// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"cmp"
	"slices"
	"sort"
)

// index finds the boxes of a sorted list that intersect a box.
type index struct {
	at       func(i int) *box // the list, sorted by compare
	n        int
	bySrc    order
	byDst    order // sorted on first use
	v6       bool
	work     *budget
	haveDsts bool
	scanned  int // number of boxes that a search by destination would have skipped
}

// order is the list sorted by one prefix, then by the other.
type order struct {
	places  []uint32 // nil: the order of the list
	lengths []uint8  // prefix lengths that occur, ascending
}

// sortWorth is the number of boxes that can be compared in the time it takes to sort one.
const sortWorth = 8

// few is the number of boxes up to which a linear scan is used instead of a search.
const few = 32

func newIndex(n int, at func(int) *box, v6 bool, work *budget) *index {
	x := &index{at: at, n: n, v6: v6, work: work}
	var src, dst [129]bool
	for i := range n {
		b := at(i)
		src[b.src.bits], dst[b.dst.bits] = true, true
	}
	x.bySrc.lengths, x.byDst.lengths = lengths(&src), lengths(&dst)
	return x
}

func lengths(used *[129]bool) (all []uint8) {
	for n, is := range used {
		if is {
			all = append(all, uint8(n))
		}
	}
	return all
}

func (x *index) sortDsts() {
	if x.haveDsts {
		return
	}
	x.haveDsts = true
	x.byDst.places = make([]uint32, x.n)
	for i := range x.byDst.places {
		x.byDst.places[i] = uint32(i)
	}
	slices.SortFunc(x.byDst.places, func(i, j uint32) int {
		if c := x.at(int(i)).dst.compare(x.at(int(j)).dst); c != 0 {
			return c
		}
		return cmp.Compare(i, j)
	})
}

// src and dst return the prefix by which an order is sorted, of its i-th box.
func (x *index) src(i int) prefix { return x.at(i).src }
func (x *index) dst(i int) prefix { return x.at(int(x.byDst.places[i])).dst }

// span is a range of an order.
type span struct{ from, to int }

func (s span) len() int { return s.to - s.from }

// equal returns the part of a span with exactly this prefix.
func equal(s span, at func(int) prefix, p prefix) span {
	from := s.from + sort.Search(s.len(), func(i int) bool { return at(s.from+i).compare(p) >= 0 })
	if from == s.to || at(from) != p {
		return span{from, from}
	}
	to := from + sort.Search(s.to-from, func(i int) bool { return at(from+i).compare(p) > 0 })
	return span{from, to}
}

// inside returns the parts of a span with prefixes that are longer than p and lie in it. Longer prefixes with the
// same address sort before p, and shorter ones with that address follow; so there are two parts.
func (x *index) inside(s span, at func(int) prefix, p prefix) [2]span {
	last := p.addr.last(p.bits, x.v6)
	search := func(from int, is func(q prefix) bool) int {
		return from + sort.Search(s.to-from, func(i int) bool { return is(at(from + i)) })
	}
	first := search(s.from, func(q prefix) bool { return q.addr.compare(p.addr) >= 0 })
	shorter := search(first, func(q prefix) bool { return q.addr != p.addr || q.bits <= p.bits })
	behind := search(shorter, func(q prefix) bool { return q.addr.compare(p.addr) > 0 })
	end := search(behind, func(q prefix) bool { return q.addr.compare(last) > 0 })
	return [2]span{{first, shorter}, {behind, end}}
}

// containing calls f with the index of each box that contains b, until f returns false.
func (x *index) containing(b *box, f func(i int) bool) bool {
	for _, bits := range x.bySrc.lengths {
		if bits > b.src.bits {
			break
		}
		block := equal(span{0, x.n}, x.src, prefix{b.src.addr.masked(bits), bits})
		if block.len() > 0 && !x.containingIn(block, b, f) {
			return false
		}
	}
	return true
}

func (x *index) containingIn(block span, b *box, f func(int) bool) bool {
	dst := func(i int) prefix { return x.at(i).dst }
	part := func(s span) bool {
		for i := s.from; i < s.to; i++ {
			x.work.spend(1)
			if x.at(i).contains(b) && !f(i) {
				return false
			}
		}
		return true
	}
	if block.len() <= few {
		return part(block)
	}
	for _, bits := range x.byDst.lengths {
		if bits > b.dst.bits {
			break
		}
		if !part(equal(block, dst, prefix{b.dst.addr.masked(bits), bits})) {
			return false
		}
	}
	return true
}

// meeting calls f once with the index of each box that intersects b, in no particular order.
func (x *index) meeting(b *box, f func(i int)) {
	dst := func(i int) prefix { return x.at(i).dst }
	look := func(i int) {
		x.work.spend(1)
		if _, meets := x.at(i).meet(b); meets {
			f(i)
		}
	}
	each := func(spans ...span) {
		for _, s := range spans {
			for i := s.from; i < s.to; i++ {
				look(i)
			}
		}
	}
	if x.n <= few {
		each(span{0, x.n})
		return
	}
	for _, bits := range x.bySrc.lengths {
		if bits > b.src.bits {
			break
		}
		block := equal(span{0, x.n}, x.src, prefix{b.src.addr.masked(bits), bits})
		if block.len() <= few {
			each(block)
			continue
		}
		for _, bits := range x.byDst.lengths {
			if bits > b.dst.bits {
				break
			}
			each(equal(block, dst, prefix{b.dst.addr.masked(bits), bits}))
		}
		in := x.inside(block, dst, b.dst)
		each(in[:]...)
	}
	// The remaining boxes have a longer source.
	srcs := x.inside(span{0, x.n}, x.src, b.src)
	n := srcs[0].len() + srcs[1].len()
	// Sort only once the scans have cost about as much as sorting.
	if !x.haveDsts && x.scanned+n <= sortWorth*x.n || n <= few {
		x.scanned += n
		each(srcs[:]...)
		return
	}
	x.sortDsts()
	ofDst := func(s span, longer bool) {
		for i := s.from; i < s.to; i++ {
			if at := int(x.byDst.places[i]); !longer || x.at(at).src.bits > b.src.bits {
				look(at)
			}
		}
	}
	for _, bits := range x.byDst.lengths {
		if bits > b.dst.bits {
			break
		}
		block := equal(span{0, x.n}, x.dst, prefix{b.dst.addr.masked(bits), bits})
		of := func(i int) prefix { return x.at(int(x.byDst.places[i])).src }
		in := x.inside(block, of, b.src)
		ofDst(in[0], false)
		ofDst(in[1], false)
	}
	dsts := x.inside(span{0, x.n}, x.dst, b.dst)
	if dsts[0].len()+dsts[1].len() < n {
		ofDst(dsts[0], true)
		ofDst(dsts[1], true)
		return
	}
	for _, s := range srcs {
		for i := s.from; i < s.to; i++ {
			x.work.spend(1)
			if x.at(i).dst.bits > b.dst.bits {
				look(i)
			}
		}
	}
}
