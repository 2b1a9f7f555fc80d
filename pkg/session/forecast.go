// SPDX-License-Identifier: Apache-2.0

package session

import (
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/explain"
)

// Forecast predicts the eroute that a packet matches after changes of a table. It looks the packet up once, and
// compares the packet with each change.
type Forecast struct {
	table   explain.Table
	packet  eroute.Packet
	before  *eroute.Eroute
	added   map[eroute.Selector]eroute.Eroute // those that match the packet
	deleted map[eroute.Selector]bool          // likewise
	cleared bool
}

// NewForecast returns the forecast for a packet without changes.
func NewForecast(t explain.Table, p eroute.Packet) (*Forecast, error) {
	f := &Forecast{table: t, packet: p, added: map[eroute.Selector]eroute.Eroute{}, deleted: map[eroute.Selector]bool{}}
	match, found, err := t.Lookup(p)
	if found {
		f.before = &match
	}
	return f, err
}

// Add adds a change, in the order in which they are made.
func (f *Forecast) Add(c eroute.Change) {
	switch {
	case c.Op == eroute.OpClear:
		f.cleared = true
		clear(f.added)
		return
	case !c.Selector.Matches(f.packet):
		return
	case c.Op == eroute.OpDel:
		f.deleted[c.Selector] = true
		delete(f.added, c.Selector)
	default:
		f.added[c.Selector] = eroute.Eroute{Selector: c.Selector, SAID: c.SAID, Acquire: c.Acquire}
	}
}

// After returns the eroute that the packet matches after the changes, nil if there is none. It reads the table
// only if the eroute that matches now is deleted.
func (f *Forecast) After() (*eroute.Eroute, error) {
	var best *eroute.Eroute
	consider := func(e eroute.Eroute) {
		if best == nil || eroute.MoreSpecific(e.Selector, best.Selector) < 0 {
			best = &e
		}
	}
	for _, e := range f.added {
		consider(e)
	}
	switch {
	case f.cleared || f.before == nil || f.isReplaced(f.before.Selector):
		return best, nil
	case !f.deleted[f.before.Selector]:
		consider(*f.before)
		return best, nil
	}
	rest := func(s eroute.Selector) bool {
		return s.Matches(f.packet) && !f.deleted[s] && !f.isReplaced(s)
	}
	for e, err := range f.table.Matching(rest) {
		if err != nil {
			return nil, err
		}
		consider(e)
	}
	return best, nil
}

// Before returns the eroute that the packet matches now, nil if there is none.
func (f *Forecast) Before() *eroute.Eroute { return f.before }

// Same reports whether two matches have the same effect; nil is none.
func Same(a, b *eroute.Eroute) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.SAID == b.SAID
}

// isReplaced reports whether a change has put an eroute with this selector.
func (f *Forecast) isReplaced(s eroute.Selector) bool {
	_, replaced := f.added[s]
	return replaced
}
