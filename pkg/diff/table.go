// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"fmt"
	"iter"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Table is an eroute table to compare: 72 bytes per eroute. Its zero value is empty. It is not safe for concurrent
// use.
type Table struct {
	families [2]rules // IPv4, IPv6
	count    int      // number of eroutes added
}

// rules holds the eroutes of one family.
type rules struct {
	all    []rule   // sorted if chunks is empty
	chunks [][]rule // added since the last sort, in chunks: no large list is copied as it grows
	mixed  bool     // rules were not added in order
}

// chunkLen is the number of rules allocated at a time.
const chunkLen = 4096

// add adds a rule.
func (f *rules) add(r *rule) {
	n := len(f.chunks)
	if n == 0 || len(f.chunks[n-1]) == chunkLen {
		var chunk []rule
		if n > 0 {
			f.mixed = f.mixed || f.chunks[n-1][chunkLen-1].compare(&r.box) >= 0
			chunk = make([]rule, 0, chunkLen)
		}
		f.chunks = append(f.chunks, append(chunk, *r))
		return
	}
	last := &f.chunks[n-1]
	f.mixed = f.mixed || (*last)[len(*last)-1].compare(&r.box) >= 0
	*last = append(*last, *r)
}

// sort sorts the rules, and returns the first duplicate, nil if there is none.
func (f *rules) sort() *rule {
	if len(f.chunks) == 0 {
		return nil
	}
	n := len(f.all)
	for _, chunk := range f.chunks {
		n += len(chunk)
	}
	f.mixed = f.mixed || len(f.all) > 0
	all := append(make([]rule, 0, n), f.all...)
	for i, chunk := range f.chunks {
		all = append(all, chunk...)
		f.chunks[i] = nil
	}
	f.all, f.chunks = all, nil
	if !f.mixed {
		return nil
	}
	slices.SortStableFunc(all, func(a, b rule) int { return a.compare(&b.box) })
	f.mixed = false
	for i := 1; i < n; i++ {
		if all[i-1].box == all[i].box {
			return &all[i]
		}
	}
	return nil
}

func (f *rules) len() int {
	n := len(f.all)
	for _, chunk := range f.chunks {
		n += len(chunk)
	}
	return n
}

// rule is an eroute.
type rule struct {
	box
	said  said
	index uint32 // number of rules added before it
}

// Len returns the number of eroutes.
func (t *Table) Len() int { return t.families[0].len() + t.families[1].len() }

// Selectors yields the selectors of the eroutes.
func (t *Table) Selectors() iter.Seq[eroute.Selector] {
	return func(yield func(eroute.Selector) bool) {
		for i := range t.families {
			f := &t.families[i]
			for _, rules := range append(slices.Clone(f.chunks), f.all) {
				for n := range rules {
					if !yield(rules[n].selector(i == 1)) {
						return
					}
				}
			}
		}
	}
}

// Add adds an eroute. A duplicate selector is detected later, see [DuplicateError].
func (t *Table) Add(s eroute.Selector, said eroute.SAID) {
	f := &t.families[0]
	if isV6(s.Src.Addr()) {
		f = &t.families[1]
	}
	f.add(&rule{newBox(s), newSAID(said), uint32(t.count)})
	t.count++
}

// DuplicateError means that an eroute was added with a selector that the table already had.
type DuplicateError struct {
	Index    int // number of eroutes added before it
	Selector eroute.Selector
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("%s -> %s: %v", e.Selector.Src, e.Selector.Dst, eroute.ErrExist)
}

func (e *DuplicateError) Unwrap() error { return eroute.ErrExist }

// Sort sorts the eroutes. Returns a [DuplicateError] if two have the same selector.
func (t *Table) Sort() error {
	for i := range t.families {
		if twice := t.families[i].sort(); twice != nil {
			return &DuplicateError{int(twice.index), twice.selector(i == 1)}
		}
	}
	return nil
}

// With returns the table after the changes, in their order. Adding an existing eroute replaces it; deleting a
// missing one has no effect.
func (t *Table) With(changes *eroute.Changes) (*Table, error) {
	if err := t.Sort(); err != nil {
		return nil, err
	}
	last := make(map[eroute.Selector]eroute.SAID)
	cleared := false
	for _, c := range changes.All() {
		switch c.Op {
		case eroute.OpClear:
			cleared = true
			clear(last)
		case eroute.OpDel:
			last[c.Selector] = eroute.SAID{}
		default:
			last[c.Selector] = c.SAID
		}
	}
	touched := &Table{}
	for s, now := range last {
		touched.Add(s, now) // none if deleted
	}
	if err := touched.Sort(); err != nil {
		return nil, err
	}
	next := &Table{}
	for i := range t.families {
		old := t.families[i].all
		if cleared {
			old = nil
		}
		next.families[i].all = make([]rule, 0, len(old)+len(touched.families[i].all))
		merge(old, touched.families[i].all, func(old, new *rule) {
			r := old
			if new != nil {
				r = new
			}
			if r.said != none {
				next.families[i].all = append(next.families[i].all, rule{r.box, r.said, uint32(next.count)})
				next.count++
			}
		})
	}
	return next, nil
}

// merge calls f with the rules of two sorted lists, in order, and with both rules at once if their boxes are
// equal; nil stands for no rule.
func merge(a, b []rule, f func(a, b *rule)) {
	for len(a) > 0 || len(b) > 0 {
		c := 0
		switch {
		case len(a) == 0:
			c = 1
		case len(b) == 0:
			c = -1
		default:
			c = a[0].compare(&b[0].box)
		}
		var ofA, ofB *rule
		if c <= 0 {
			ofA, a = &a[0], a[1:]
		}
		if c >= 0 {
			ofB, b = &b[0], b[1:]
		}
		f(ofA, ofB)
	}
}
