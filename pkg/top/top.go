// SPDX-License-Identifier: Apache-2.0

// Package top samples the busiest eroutes of a table of any size: it keeps two counters per eroute, and looks up
// the selectors only of those that it returns.
package top

import (
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Source is a snapshot of a table. [maps.Table] implements it.
type Source interface {
	// EachCount calls f with the counters of every eroute except holds of traps, by the number of the eroute, in
	// ascending order.
	EachCount(f func(id uint32, packets, bytes uint64)) error
	// Version changes before a number is reused.
	Version() uint64
	// Named returns the eroutes with these numbers.
	Named(ids map[uint32]bool) (map[uint32]eroute.Eroute, error)
	// Holds returns the holds of traps with their counters.
	Holds() ([]eroute.Eroute, error)
}

// Key is a sort order of eroutes, greatest first.
type Key uint8

// The keys.
const (
	ByPacketRate Key = iota
	ByByteRate
	ByPackets
	ByBytes
	keys
)

// Row is an eroute and its rates.
type Row struct {
	eroute.Eroute
	PacketRate, ByteRate float64 // per second, since the previous sample; 0 in the first one
}

// Sample holds the busiest eroutes at one moment.
type Sample struct {
	Time  time.Time
	Since time.Duration // time since the previous sample; 0: there is none
	Count int           // number of eroutes, including holds of traps

	// Totals of all eroutes.
	Packets, Bytes       uint64
	PacketRate, ByteRate float64

	rows [keys][]Row
}

// By returns the busiest eroutes by a key.
func (l *Sample) By(k Key) []Row { return l.rows[k] }

// count holds the counters of an eroute at one sample.
type count struct{ packets, bytes uint64 }

// row returns an eroute's rates relative to its previous counters. Counters that have decreased were reset.
func (c count) row(before count, since time.Duration) Row {
	r := Row{Eroute: eroute.Eroute{Packets: c.packets, Bytes: c.bytes}}
	if c.packets < before.packets || c.bytes < before.bytes {
		before = count{}
	}
	if seconds := since.Seconds(); seconds > 0 {
		r.PacketRate = float64(c.packets-before.packets) / seconds
		r.ByteRate = float64(c.bytes-before.bytes) / seconds
	}
	return r
}

// by returns the values by which rows are sorted.
func (r *Row) by(k Key) [2]float64 {
	switch k {
	case ByByteRate:
		return [2]float64{r.ByteRate, float64(r.Packets)}
	case ByPackets:
		return [2]float64{float64(r.Packets), r.PacketRate}
	case ByBytes:
		return [2]float64{float64(r.Bytes), r.ByteRate}
	}
	return [2]float64{r.PacketRate, float64(r.Packets)}
}

// before reports whether r comes before s.
func (r *Row) before(s *Row, k Key) bool {
	a, b := r.by(k), s.by(k)
	return a[0] > b[0] || a[0] == b[0] && a[1] > b[1]
}
