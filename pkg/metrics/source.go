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

// Source is where the figures come from.
type Source struct {
	Open  func() (Table, error)             // an error that is loader.ErrNoTable: as if it were empty
	XFRM  func() (map[string]uint64, error) // the kernel's counters; an error that is fs.ErrNotExist: it has none
	Relay *acquire.Counters                 // nil: the relay, if there is one, is another process
}

// Table is what is read of a [maps.Table].
type Table interface {
	Stats() (maps.Stats, error)
	Scan(n int) (maps.Scan, error)
	Exact(selectors []eroute.Selector) ([]eroute.Eroute, error)
	SAs(saids []eroute.SAID) ([]maps.SA, error)
	Queue() (waiting, size int, err error)
	Memory() (map[string]uint64, error)
	Close() error
}

// Most is how many eroutes, and how many SAs, have metrics of their own: those with the
// most packets.
const Most = 20

// figures is what a scrape shows of a table.
type figures struct {
	maps.Stats
	traps              int
	busiest            []eroute.Eroute
	sas                []maps.SA
	waiting, queueSize int // bytes
	memory             map[string]uint64
}

// read reads the figures of now. walk tells which eroutes and SAs were the busiest when
// last looked for.
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

// walk looks at the whole table, which it opens for itself: it takes its time.
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

// xfrm returns the kernel's counters of what XFRM dropped, nil if it has none.
func (s Source) xfrm() (map[string]uint64, error) {
	counters, err := s.XFRM()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return counters, err
}
