// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"iter"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/counters"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/sas"
)

// All yields every eroute with its counters, in listing order. An error ends it. It holds the eroutes of one
// source prefix in memory at a time.
func (t *Table) All() iter.Seq2[eroute.Eroute, error] {
	return func(yield func(eroute.Eroute, error) bool) {
		flows, err := t.currentFlows()
		if err != nil {
			yield(eroute.Eroute{}, err)
			return
		}
		t.list(flows, yield)
	}
}

// Written yields every eroute that commands have written, in listing order, without the flows that traps make
// and those that follow policies of XFRM. An error ends it.
func (t *Table) Written() iter.Seq2[eroute.Eroute, error] {
	return func(yield func(eroute.Eroute, error) bool) {
		t.list(nil, func(e eroute.Eroute, err error) bool { return e.Followed && err == nil || yield(e, err) })
	}
}

// Selectors yields the selector of every eroute of the table, without the flows that traps make, in no order. An error
// ends it.
func (t *Table) Selectors() iter.Seq2[eroute.Selector, error] {
	return func(yield func(eroute.Selector, error) bool) {
		err := t.gen.EachEntry(func(e abi.Entry) (bool, error) { return yield(e.Selector, nil), nil })
		if err != nil {
			yield(eroute.Selector{}, err)
		}
	}
}

// list yields the eroutes of the table and the flows, in order. A flow replaces the trap with its selector.
func (t *Table) list(flows []flowEntry, yield func(eroute.Eroute, error) bool) {
	l := listing{Table: t, counts: counters.NewSnapshot(t.counts), slots: t.sas.Reader(), flows: flows, yield: yield}
	slices.SortFunc(l.flows, func(a, b flowEntry) int { return eroute.Compare(abi.FlowSelector(&a.key), abi.FlowSelector(&b.key)) })
	err := t.gen.EachEntry(l.add)
	if err == nil && !l.stopped {
		err = l.flush()
	}
	if err == nil && !l.stopped {
		err = l.flowsBefore(nil)
	}
	if err != nil && !l.stopped {
		yield(eroute.Eroute{}, err)
	}
}

// listing sorts the eroutes that the tries yield in key order: source prefixes are in order, the eroutes of
// each are not.
type listing struct {
	*Table
	counts  *counters.Snapshot
	slots   *sas.Reader
	group   []abi.Entry // of one source prefix
	flows   []flowEntry
	yield   func(eroute.Eroute, error) bool
	stopped bool
}

func (l *listing) add(e abi.Entry) (more bool, err error) {
	if len(l.group) > 0 && l.group[0].Selector.Src != e.Selector.Src {
		err = l.flush()
	}
	l.group = append(l.group, e)
	return !l.stopped, err
}

// flush yields the collected eroutes, merged with the flows that precede them.
func (l *listing) flush() error {
	slices.SortFunc(l.group, func(a, b abi.Entry) int { return eroute.Compare(a.Selector, b.Selector) })
	for i := range l.group {
		e := &l.group[i]
		if err := l.flowsBefore(&e.Selector); err != nil || l.stopped {
			return err
		}
		if len(l.flows) > 0 && abi.FlowSelector(&l.flows[0].key) == e.Selector {
			continue
		}
		counters, err := l.counts.Read(e.Value.Id)
		if err != nil {
			return err
		}
		listed, err := l.counted(e, counters, l.slots)
		if err != nil {
			return err
		}
		if l.stopped = !l.yield(listed, nil); l.stopped {
			return nil
		}
	}
	l.group = l.group[:0]
	return nil
}

// flowsBefore yields the flows that precede a selector, or all remaining flows if it is nil.
func (l *listing) flowsBefore(s *eroute.Selector) error {
	for len(l.flows) > 0 && (s == nil || eroute.Compare(abi.FlowSelector(&l.flows[0].key), *s) < 0) {
		listed, err := l.flowEroute(l.flows[0], l.slots)
		if err != nil {
			return err
		}
		l.flows = l.flows[1:]
		if l.stopped = !l.yield(listed, nil); l.stopped {
			return nil
		}
	}
	return nil
}

func newEroute(e *abi.Entry, said eroute.SAID, c counters.Counters) eroute.Eroute {
	return eroute.Eroute{
		Selector: e.Selector,
		SAID:     said,
		Packets:  c.Packets,
		Bytes:    c.Bytes,
		LastUsed: abi.MonotonicToWall(c.Last),
		Followed: e.Value.Followed != 0,
	}
}

// eroute converts an entry to an eroute for the listing.
func (t *Table) eroute(e abi.Entry, slots *sas.Reader) (eroute.Eroute, error) {
	c, err := t.counts.Read(e.Value.Id)
	if err != nil {
		return eroute.Eroute{}, err
	}
	return t.counted(&e, c, slots)
}

// counted adds the SAID, the acquire parameters, and which members are set aside to an entry with its counters.
func (t *Table) counted(e *abi.Entry, c counters.Counters, slots *sas.Reader) (eroute.Eroute, error) {
	said, err := slots.SAID(&e.Value)
	if err != nil {
		return eroute.Eroute{}, err
	}
	listed := newEroute(e, said, c)
	if said.Traps() {
		if listed.Acquire, err = t.AcquireParams(e.Selector); err != nil {
			return eroute.Eroute{}, err
		}
	}
	listed.Aside, err = slots.Aside(&e.Value)
	return listed, err
}

// AcquireParams returns the acquire parameters of the trap with this selector.
func (t *Table) AcquireParams(s eroute.Selector) (eroute.AcquireParams, error) {
	return t.acquire.Read(s)
}
