// SPDX-License-Identifier: Apache-2.0

package diff

import (
	"fmt"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Table is an eroute table to compare: 72 bytes an eroute. Its zero value is empty. It is
// not for concurrent use.
type Table struct {
	families [2]rules // IPv4, IPv6
	count    int      // of what was added
	expected int      // how many eroutes there will be; a guess
}

// NewTable returns an empty table with room for n eroutes.
func NewTable(n int) *Table { return &Table{expected: n} }

// rules is the eroutes of one family.
type rules struct {
	all    []rule
	sorted bool
}

// rule is an eroute.
type rule struct {
	box
	said  said
	index uint32 // how many were added before it
}

// Len returns how many eroutes there are.
func (t *Table) Len() int { return len(t.families[0].all) + len(t.families[1].all) }

// Add adds an eroute. That there is one with this selector shows later, see [DuplicateError].
func (t *Table) Add(s eroute.Selector, said eroute.SAID) {
	f := &t.families[0]
	if isV6(s.Src.Addr()) {
		f = &t.families[1]
	}
	r := rule{newBox(s), newSAID(said), uint32(t.count)}
	if n := len(f.all); n == 0 {
		f.sorted = true
		f.all = make([]rule, 0, max(t.expected-t.count, 0))
	} else if f.sorted {
		f.sorted = f.all[n-1].compare(&r.box) < 0
	}
	f.all = append(f.all, r)
	t.count++
}

// DuplicateError says that an eroute was added whose selector was there already.
type DuplicateError struct {
	Index    int // of the eroute: how many were added before it
	Selector eroute.Selector
}

func (e *DuplicateError) Error() string {
	return fmt.Sprintf("%s -> %s: %v", e.Selector.Src, e.Selector.Dst, eroute.ErrExist)
}

func (e *DuplicateError) Unwrap() error { return eroute.ErrExist }

// Sort puts the eroutes in order. Returns a [DuplicateError] if two have the same selector.
func (t *Table) Sort() error {
	for i := range t.families {
		f := &t.families[i]
		if f.sorted {
			continue
		}
		slices.SortStableFunc(f.all, func(a, b rule) int { return a.compare(&b.box) })
		for j := 1; j < len(f.all); j++ {
			if f.all[j-1].box == f.all[j].box {
				return &DuplicateError{int(f.all[j].index), f.all[j].selector(i == 1)}
			}
		}
		f.sorted = true
	}
	return nil
}

// With returns the table with changes made in their order. Adding an eroute that is there
// replaces it, and deleting one that is not changes nothing.
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
		touched.Add(s, now) // none if it is deleted
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
		next.families[i].sorted = true
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

// merge calls f with the rules of two sorted lists, in order, and with both of the same box
// at once; nil stands for none.
func merge(a, b []rule, f func(a, b *rule)) {
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		var c int
		switch {
		case i == len(a):
			c = 1
		case j == len(b):
			c = -1
		default:
			c = a[i].compare(&b[j].box)
		}
		switch {
		case c < 0:
			f(&a[i], nil)
			i++
		case c > 0:
			f(nil, &b[j])
			j++
		default:
			f(&a[i], &b[j])
			i++
			j++
		}
	}
}
