// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"cmp"
	"errors"
	"slices"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
	"github.com/ipsec-eroute/eroute/pkg/xfrm"
)

// Scan holds figures of a table that require a scan of all of it.
type Scan struct {
	Traps   int               // eroutes with %trap or %trapsubnet
	Eroutes []eroute.Selector // with the most packets, the busiest first
	SAs     []eroute.SAID     // with the most packets, the busiest first, then those of groups
}

// Scan scans the whole table. It keeps one number per eroute and the n busiest eroutes and SAs in memory.
// Without the table's lock it may see a change half made.
func (t *Table) Scan(n int) (w Scan, err error) {
	var packets []uint64 // by id
	err = t.EachCount(func(id uint32, count, _ uint64) {
		packets = append(packets, make([]uint64, int(id)+1-len(packets))...)
		packets[id] = count
	})
	if err != nil {
		return w, err
	}
	eroutes := busiest[eroute.Selector]{most: n}
	add := func(e abi.Entry) {
		if int(e.Value.Id) < len(packets) {
			eroutes.add(e.Selector, packets[e.Value.Id])
		}
	}
	seen := 0
	err = t.gen.EachEntry(func(e abi.Entry) (bool, error) {
		if abi.ActionOf(&e.Value).IsTrap() {
			w.Traps++
		}
		add(e)
		// If an entry is deleted during the scan, the kernel may restart the iteration. Limit the entries read.
		seen++
		return seen < 2*max(int(t.count()), pinned.BatchSize), nil
	})
	if err != nil {
		return w, err
	}
	flows, err := t.currentFlows()
	if err != nil {
		return w, err
	}
	for _, f := range flows {
		if isHold(&f.value) {
			eroutes.add(abi.FlowSelector(&f.key), abi.Owned(f.value.Packets)) // 0 if it counts as its trap
		} else {
			add(abi.Entry{Selector: abi.FlowSelector(&f.key), Value: f.value.Entry})
		}
	}
	w.Eroutes = eroutes.list()
	w.SAs, err = t.busiestSAs(n)
	return w, err
}

// membersMost is the maximum number of SAs of groups in a Scan.
const membersMost = 256

// busiestSAs returns the SAs with eroutes that have carried the most packets, then the other SAs of groups, also those
// without packets.
func (t *Table) busiestSAs(n int) ([]eroute.SAID, error) {
	all, err := t.sas.Named()
	if err != nil || len(all) == 0 || t.xfrm == nil {
		return nil, err
	}
	states, err := t.xfrm.States()
	if err != nil {
		return nil, err
	}
	grouped, err := t.sas.Grouped()
	if err != nil {
		return nil, err
	}
	sas, members := busiest[eroute.SAID]{most: n}, busiest[eroute.SAID]{most: membersMost}
	for key := range all {
		s, err := states.Find(key.SAID())
		if errors.Is(err, xfrm.ErrNoState) || errors.Is(err, xfrm.ErrUnsupported) {
			continue
		}
		if err != nil {
			return nil, err
		}
		sas.add(key.SAID(), s.Packets)
		if grouped[key.SAID()] {
			members.add(key.SAID(), s.Packets+1)
		}
	}
	list := sas.list()
	for _, said := range members.list() {
		if !slices.Contains(list, said) {
			list = append(list, said)
		}
	}
	return list, nil
}

// busiest collects the values with the highest counts.
type busiest[T comparable] struct {
	most int
	all  []counted[T]
}

type counted[T comparable] struct {
	what    T
	packets uint64
}

// add adds a value unless it was added before or its count is 0.
func (b *busiest[T]) add(what T, packets uint64) {
	full := len(b.all) >= b.most
	if packets == 0 || full && packets <= b.all[len(b.all)-1].packets {
		return
	}
	if slices.ContainsFunc(b.all, func(c counted[T]) bool { return c.what == what }) {
		return
	}
	if full {
		b.all = b.all[:b.most-1]
	}
	at, _ := slices.BinarySearchFunc(b.all, packets, func(c counted[T], packets uint64) int {
		return cmp.Compare(packets, c.packets)
	})
	b.all = slices.Insert(b.all, at, counted[T]{what, packets})
}

// list returns the values, the busiest first.
func (b *busiest[T]) list() []T {
	list := make([]T, len(b.all))
	for i, c := range b.all {
		list[i] = c.what
	}
	return list
}
