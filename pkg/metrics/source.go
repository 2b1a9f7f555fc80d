// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"errors"
	"io/fs"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/acquire"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// Source is where the metrics are read from.
type Source struct {
	Open  func() (Table, error)             // loader.ErrNoTable: treated as an empty table
	XFRM  func() (map[string]uint64, error) // the kernel's counters; fs.ErrNotExist: it has none
	Relay *acquire.Counters                 // nil: the relay, if any, is another process
}

// Table is the part of a [maps.Table] that metrics use.
type Table interface {
	Stats() (maps.Stats, error)
	Scan(n int) (maps.Scan, error)
	Exact(selectors []eroute.Selector) ([]eroute.Eroute, error)
	SAs(saids []eroute.SAID) ([]maps.SA, error)
	Queue() (waiting, size int, err error)
	Memory() (map[string]uint64, error)
	Close() error
}

// Most is the maximum number of eroutes, and of SAs, with metrics of their own: those with the most packets.
const Most = 20

// figures holds the values of one scrape of a table.
type figures struct {
	maps.Stats
	traps              int
	busiest            []eroute.Eroute
	sas                []maps.SA
	waiting, queueSize int // bytes
	memory             map[string]uint64
}

// read reads the current values. walk returns the eroutes and SAs that were the busiest in the latest scan.
func (s Source) read(walk func() (maps.Scan, error)) (f figures, err error) {
	t, err := s.Open()
	if errors.Is(err, loader.ErrNoTable) {
		f.Limit = uint32(bpf.ABILimitsEROUTE_DEFAULT_LIMIT)
		return f, nil
	}
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if f.Stats, err = t.Stats(); err != nil {
		return f, err
	}
	w, err := walk()
	if err != nil {
		return f, err
	}
	f.traps = w.Traps
	if f.busiest, err = t.Exact(w.Eroutes); err != nil {
		return f, err
	}
	if f.sas, err = t.SAs(w.SAs); err != nil {
		return f, err
	}
	if f.waiting, f.queueSize, err = t.Queue(); err != nil {
		return f, err
	}
	f.memory, err = t.Memory()
	return f, err
}

// walk scans the whole table. It takes long, so it opens the table itself.
func (s Source) walk() (w maps.Scan, err error) {
	t, err := s.Open()
	if errors.Is(err, loader.ErrNoTable) {
		return w, nil
	}
	if err != nil {
		return w, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return t.Scan(Most)
}

// xfrm returns the kernel's counters of packets that XFRM dropped, nil if it has none.
func (s Source) xfrm() (map[string]uint64, error) {
	counters, err := s.XFRM()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return counters, err
}
