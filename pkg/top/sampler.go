// SPDX-License-Identifier: Apache-2.0

package top

import (
	"slices"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Sampler samples a table repeatedly. Its zero value has taken no sample. It is not safe for concurrent use.
type Sampler struct {
	at      time.Time
	counts  []count // of the previous sample, sorted by number
	spare   []count // of the sample before that, reused for the next
	holds   map[eroute.Selector]count
	version uint64
	names   map[uint32]eroute.Eroute // of this version; the zero Eroute: no eroute has this number
}

// candidate is a row whose selector is not yet known, unless it is a hold.
type candidate struct {
	Row
	id   uint32
	hold bool
}

// Sample reads all counters and finds the n busiest eroutes by each key. It searches the table for selectors only
// if the table has changed, or an eroute appears that no earlier sample contained.
func (s *Sampler) Sample(src Source, now time.Time, n int) (Sample, error) {
	sample := Sample{Time: now}
	if !s.at.IsZero() {
		sample.Since = now.Sub(s.at)
	}
	if version := src.Version(); version != s.version || s.names == nil {
		s.version, s.names = version, make(map[uint32]eroute.Eroute)
	}
	var tops tops
	for k := range tops {
		tops[k] = top{by: Key(k), n: n}
	}
	next := s.spare[:0]
	err := src.EachCount(func(id uint32, packets, bytes uint64) {
		for len(next) < int(id) {
			next = append(next, count{})
		}
		c := count{packets, bytes}
		next = append(next, c)
		var before count
		if int(id) < len(s.counts) {
			before = s.counts[id]
		}
		c.add(&sample, &tops, candidate{Row: c.row(before, sample.Since), id: id})
	})
	if err != nil {
		return sample, err
	}
	holds, err := src.Holds()
	if err != nil {
		return sample, err
	}
	nextHolds := make(map[eroute.Selector]count, len(holds))
	for _, h := range holds {
		c := count{h.Packets, h.Bytes}
		nextHolds[h.Selector] = c
		row := c.row(s.holds[h.Selector], sample.Since)
		row.Eroute = h
		c.add(&sample, &tops, candidate{Row: row, hold: true})
	}
	s.at, s.counts, s.spare, s.holds = now, next, s.counts, nextHolds
	if err := s.name(src, &tops); err != nil {
		return sample, err
	}
	for k := range tops {
		sample.rows[k] = s.rows(tops[k].rows)
	}
	return sample, nil
}

// add adds an eroute to the totals, and keeps it if it is among the busiest.
func (c count) add(sample *Sample, t *tops, r candidate) {
	sample.Count++
	sample.Packets += c.packets
	sample.Bytes += c.bytes
	sample.PacketRate += r.PacketRate
	sample.ByteRate += r.ByteRate
	for k := range t {
		t[k].offer(r)
	}
}

// name looks up the selectors that are not cached yet.
func (s *Sampler) name(src Source, tops *tops) error {
	unknown := make(map[uint32]bool)
	for k := range tops {
		for _, c := range tops[k].rows {
			if _, known := s.names[c.id]; !c.hold && !known {
				unknown[c.id] = true
			}
		}
	}
	if len(unknown) == 0 {
		return nil
	}
	names, err := src.Named(unknown)
	for id := range unknown {
		s.names[id] = names[id]
	}
	return err
}

// rows returns candidates with their selectors. It omits counters without an eroute, which a killed command left.
func (s *Sampler) rows(candidates []candidate) []Row {
	rows := make([]Row, 0, len(candidates))
	for _, c := range candidates {
		if !c.hold {
			name := s.names[c.id]
			c.Selector, c.SAID = name.Selector, name.SAID
		}
		if c.Selector.Src.IsValid() {
			rows = append(rows, c.Row)
		}
	}
	return rows
}

// tops holds the busiest eroutes by each key.
type tops [keys]top

// top keeps the first n rows in the order of a key.
type top struct {
	by   Key
	n    int
	rows []candidate // sorted
}

func (t *top) offer(r candidate) {
	if t.n == 0 || len(t.rows) == t.n && !r.before(&t.rows[t.n-1].Row, t.by) {
		return
	}
	if len(t.rows) == t.n {
		t.rows = t.rows[:t.n-1]
	}
	// Ties keep the order in which rows were offered.
	i, _ := slices.BinarySearchFunc(t.rows, r, func(in, r candidate) int {
		if r.before(&in.Row, t.by) {
			return 1
		}
		return -1
	})
	t.rows = slices.Insert(t.rows, i, r)
}
