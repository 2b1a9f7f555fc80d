// SPDX-License-Identifier: Apache-2.0

package busy

import (
	"slices"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Watcher looks at a table again and again. Its zero value has not looked yet. It is not
// for concurrent use.
type Watcher struct {
	at      time.Time
	counts  []count // of the look before, by number
	spare   []count // of the one before that: for the next
	holds   map[eroute.Selector]count
	version uint64
	names   map[uint32]eroute.Eroute // of this version; the zero Eroute: of no eroute
}

// candidate is a row that is not named yet, unless it is a hold.
type candidate struct {
	Row
	id   uint32
	hold bool
}

// Look reads all counters and finds the n busiest eroutes by each key. The table is gone
// through for names only if it has changed, or shows an eroute that was not shown before.
func (w *Watcher) Look(src Source, now time.Time, n int) (Look, error) {
	look := Look{Time: now}
	if !w.at.IsZero() {
		look.Since = now.Sub(w.at)
	}
	if version := src.Version(); version != w.version || w.names == nil {
		w.version, w.names = version, make(map[uint32]eroute.Eroute)
	}
	var tops tops
	for k := range tops {
		tops[k] = top{by: Key(k), n: n}
	}
	next := w.spare[:0]
	err := src.EachCount(func(id uint32, packets, bytes uint64) {
		for len(next) < int(id) {
			next = append(next, count{})
		}
		c := count{packets, bytes}
		next = append(next, c)
		var before count
		if int(id) < len(w.counts) {
			before = w.counts[id]
		}
		c.add(&look, &tops, candidate{Row: c.row(before, look.Since), id: id})
	})
	if err != nil {
		return look, err
	}
	holds, err := src.Holds()
	if err != nil {
		return look, err
	}
	nextHolds := make(map[eroute.Selector]count, len(holds))
	for _, h := range holds {
		c := count{h.Packets, h.Bytes}
		nextHolds[h.Selector] = c
		row := c.row(w.holds[h.Selector], look.Since)
		row.Eroute = h
		c.add(&look, &tops, candidate{Row: row, hold: true})
	}
	w.at, w.counts, w.spare, w.holds = now, next, w.counts, nextHolds
	if err := w.name(src, &tops); err != nil {
		return look, err
	}
	for k := range tops {
		look.rows[k] = w.rows(tops[k].rows)
	}
	return look, nil
}

// add counts an eroute in, and keeps it if it is among the busiest.
func (c count) add(look *Look, t *tops, r candidate) {
	look.Count++
	look.Packets += c.packets
	look.Bytes += c.bytes
	look.PacketRate += r.PacketRate
	look.ByteRate += r.ByteRate
	for k := range t {
		t[k].offer(r)
	}
}

// name finds the names that are not known yet.
func (w *Watcher) name(src Source, tops *tops) error {
	unknown := make(map[uint32]bool)
	for k := range tops {
		for _, c := range tops[k].rows {
			if _, known := w.names[c.id]; !c.hold && !known {
				unknown[c.id] = true
			}
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	names, err := src.Named(unknown)
	for id := range unknown {
		w.names[id] = names[id]
	}
	return err
}

// rows returns candidates by their names. Those that stand for no eroute are left out:
// what a killed command has left.
func (w *Watcher) rows(candidates []candidate) []Row {
	rows := make([]Row, 0, len(candidates))
	for _, c := range candidates {
		if !c.hold {
			name := w.names[c.id]
			c.Selector, c.SAID = name.Selector, name.SAID
		}
		if c.Selector.Src.IsValid() {
			rows = append(rows, c.Row)
		}
	}
	return rows
}

// tops is the busiest by each key.
type tops [keys]top

// top keeps the first n of the rows it is offered.
type top struct {
	by   Key
	n    int
	rows []candidate // in order
}

func (t *top) offer(r candidate) {
	if t.n == 0 || len(t.rows) == t.n && !r.before(&t.rows[t.n-1].Row, t.by) {
		return
	}
	if len(t.rows) == t.n {
		t.rows = t.rows[:t.n-1]
	}
	// Of equals the one offered first comes first.
	i, _ := slices.BinarySearchFunc(t.rows, r, func(in, r candidate) int {
		if r.before(&in.Row, t.by) {
			return 1
		}
		return -1
	})
	t.rows = slices.Insert(t.rows, i, r)
}
