// SPDX-License-Identifier: Apache-2.0

// Package busy finds the eroutes that most packets meet, again and again, in a table of
// any size: it keeps two numbers for each eroute, and names only those that it shows.
package busy

import (
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// Source is a table at one moment. [maps.Table] is one.
type Source interface {
	// EachCount calls f with the counters of every eroute but holds of traps, by a number
	// that stands for it, in ascending order.
	EachCount(f func(id uint32, packets, bytes uint64)) error
	// Version changes before a number stands for something else.
	Version() uint64
	// Named finds what numbers stand for.
	Named(ids map[uint32]bool) (map[uint32]eroute.Eroute, error)
	// Holds returns the holds of traps with their counters.
	Holds() ([]eroute.Eroute, error)
}

// Key is what eroutes are ordered by, the greatest first.
type Key uint8

// The keys.
const (
	ByPacketRate Key = iota
	ByByteRate
	ByPackets
	ByBytes
	keys
)

// Row is an eroute and how much meets it.
type Row struct {
	eroute.Eroute
	PacketRate, ByteRate float64 // a second, since the look before; 0 at the first look
}

// Look is what was busy at one moment.
type Look struct {
	Time  time.Time
	Since time.Duration // the look before; 0: there is none
	Count int           // of eroutes, holds of traps included

	// Of all eroutes together.
	Packets, Bytes       uint64
	PacketRate, ByteRate float64

	rows [keys][]Row
}

// By returns the busiest eroutes by a key.
func (l *Look) By(k Key) []Row { return l.rows[k] }

// count is what is kept of an eroute between two looks.
type count struct{ packets, bytes uint64 }

// row returns an eroute's rates from the counters of now and then. Counters that have
// fallen began again at 0.
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

// by returns what the row is ordered by: the key, then what else there is.
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

// before tells whether r comes before s.
func (r *Row) before(s *Row, k Key) bool {
	a, b := r.by(k), s.by(k)
	return a[0] > b[0] || a[0] == b[0] && a[1] > b[1]
}
