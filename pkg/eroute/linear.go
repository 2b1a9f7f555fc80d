// SPDX-License-Identifier: Apache-2.0

package eroute

import "slices"

// Linear is the reference table: it applies the rules of selection to every eroute. Its zero value is an empty
// table. It is not safe for concurrent use.
type Linear struct {
	eroutes []Eroute
}

// Add adds an eroute. Returns [ErrExist] if an eroute has that selector.
func (l *Linear) Add(sel Selector, said SAID) error {
	if l.find(sel) >= 0 {
		return ErrExist
	}
	l.eroutes = append(l.eroutes, Eroute{Selector: sel, SAID: said})
	return nil
}

// Replace adds an eroute, in place of the one with that selector if it exists. Its counters start at 0.
func (l *Linear) Replace(sel Selector, said SAID) {
	if i := l.find(sel); i >= 0 {
		l.eroutes[i] = Eroute{Selector: sel, SAID: said}
		return
	}
	l.eroutes = append(l.eroutes, Eroute{Selector: sel, SAID: said})
}

// Del deletes the eroute with that selector. Returns [ErrNotFound] if there is none.
func (l *Linear) Del(sel Selector) error {
	i := l.find(sel)
	if i < 0 {
		return ErrNotFound
	}
	l.eroutes = slices.Delete(l.eroutes, i, i+1)
	return nil
}

// Clear deletes every eroute.
func (l *Linear) Clear() { l.eroutes = nil }

// Lookup returns the eroute that the packet matches, or false if there is none.
func (l *Linear) Lookup(p Packet) (Eroute, bool) {
	var best Eroute
	found := false
	for _, e := range l.eroutes {
		if !e.Selector.Matches(p) {
			continue
		}
		if !found || MoreSpecific(e.Selector, best.Selector) < 0 {
			best, found = e, true
		}
	}
	return best, found
}

// List returns the eroutes in listing order.
func (l *Linear) List() []Eroute {
	list := slices.Clone(l.eroutes)
	slices.SortFunc(list, func(a, b Eroute) int { return Compare(a.Selector, b.Selector) })
	return list
}

// find returns the index of the eroute with that selector, or -1 if there is none.
func (l *Linear) find(sel Selector) int {
	return slices.IndexFunc(l.eroutes, func(e Eroute) bool { return e.Selector == sel })
}
