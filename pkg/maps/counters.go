// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/loader"
)

const counterChunk uint32 = uint32(bpf.ABILimitsCOUNTER_CHUNK)

// bulkChunks is how many chunks are made at a time where it is not known how many it will take.
const bulkChunks = 64

// counterSet reads and resets eroutes' counters. They are allocated in chunks of
// per-CPU arrays; the chunks opened so far are kept.
type counterSet struct {
	outer  *ebpf.Map
	dir    *loader.Dir // where chunks are pinned
	open   *ebpf.LoadPinOptions
	chunks map[uint32]*ebpf.Map
	zero   map[uint32]*[counterChunk]bool // which of a chunk's are known to be zero
	bulk   bool                           // many are going to be reset: whole chunks, where that can be
}

// countersName is the array of the chunks.
const countersName = "eroute_counters"

func newCounterSet(t *Table) *counterSet {
	return &counterSet{outer: t.maps[countersName], dir: t.dir, open: t.options, chunks: make(map[uint32]*ebpf.Map), zero: make(map[uint32]*[counterChunk]bool)}
}

func (c *counterSet) Close() error {
	var errs []error
	for _, m := range c.chunks {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

func (c *counterSet) pin(n uint32) string { return c.dir.Path(innerName(countersName, n)) }

// chunk opens the chunk that holds an eroute's counters; nil if it does not exist.
func (c *counterSet) chunk(id uint32) (*ebpf.Map, error) {
	n := id / counterChunk
	if m, ok := c.chunks[n]; ok {
		return m, nil
	}
	m, err := openInner(c.dir, c.outer, countersName, n, c.open)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open counters: %w", err)
	}
	c.chunks[n] = m
	return m, nil
}

// reset makes an eroute's counters exist and be zero. No packet may count on them
// meanwhile. ids says which others are in use.
func (c *counterSet) reset(ids *bitmap, id uint32) error {
	n, slot := id/counterChunk, id%counterChunk
	if zero := c.zero[n]; zero != nil {
		if zero[slot] {
			zero[slot] = false
			return nil
		}
		return c.put(n, slot, 1)
	}
	m, err := c.chunk(id)
	if err != nil {
		return err
	}
	switch {
	case m == nil && c.bulk:
		err = c.create(n, bulkChunks)
	case m == nil:
		err = c.create(n, 1)
	case !c.bulk || ids.inUse(n*counterChunk, counterChunk) > 1:
		return c.put(n, slot, 1)
	default:
		if err = c.put(n, 0, counterChunk); err == nil {
			c.allZero(n)
		}
	}
	if err != nil {
		return err
	}
	c.zero[n][slot] = false
	return nil
}

// allZero notes that a chunk's counters are zero.
func (c *counterSet) allZero(n uint32) {
	zero := new([counterChunk]bool)
	for i := range zero {
		zero[i] = true
	}
	c.zero[n] = zero
}

// put zeroes some counters of a chunk.
func (c *counterSet) put(n, first, count uint32) error {
	m, err := c.chunk(n * counterChunk)
	if err != nil {
		return err
	}
	slots := make([]uint32, count)
	for i := range slots {
		slots[i] = first + uint32(i)
	}
	zero := make([]bpf.ABICounters, int(count)*ebpf.MustPossibleCPU())
	if count == 1 {
		err = m.Put(first, zero)
	} else {
		_, err = m.BatchUpdate(slots, zero, nil)
	}
	if err != nil {
		return fmt.Errorf("reset counters: %w", err)
	}
	return nil
}

// reserve makes chunks exist for as many ids more as are going to be taken: for each
// update of its map of maps the kernel waits for packets, so there is one for all.
func (c *counterSet) reserve(ids *bitmap, count uint32) error {
	c.bulk = true
	chunks := uint32(0)
	for free := uint32(0); ; chunks++ {
		m, err := c.chunk(chunks * counterChunk)
		if err != nil {
			return err
		}
		if m == nil {
			return c.create(chunks, (count-free+counterChunk-1)/counterChunk)
		}
		if free += counterChunk - ids.inUse(chunks*counterChunk, counterChunk); free >= count {
			return nil
		}
	}
}

// create makes chunks, all zero.
func (c *counterSet) create(first, count uint32) error {
	spec, err := specs()
	if err != nil {
		return err
	}
	count = min(count, c.outer.MaxEntries()-first)
	if count == 0 { // taking an id will fail
		return nil
	}
	made, err := newMaps(spec.Maps[countersName].InnerMap, int(count))
	if err != nil {
		return fmt.Errorf("create counters: %w", err)
	}
	defer closeMaps(made)
	if err := putInners(c.outer, first, made, c.pin); err != nil {
		return fmt.Errorf("install counters: %w", err)
	}
	for i, m := range made {
		n := first + uint32(i)
		c.chunks[n], made[i] = m, nil
		c.allZero(n)
	}
	return nil
}

// read sums an eroute's counters over all CPUs.
func (c *counterSet) read(id uint32) (bpf.ABICounters, error) {
	m, err := c.chunk(id)
	if err != nil || m == nil {
		return bpf.ABICounters{}, err
	}
	var cpus []bpf.ABICounters
	if err := m.Lookup(id%counterChunk, &cpus); err != nil {
		return bpf.ABICounters{}, fmt.Errorf("read counters: %w", err)
	}
	return sumCounters(cpus), nil
}

// monotonicToWall turns CLOCK_MONOTONIC nanoseconds into a time of day; zero for 0.
func monotonicToWall(ns uint64) time.Time {
	now, err := monotonic()
	if ns == 0 || err != nil {
		return time.Time{}
	}
	return time.Now().Add(time.Duration(ns - now))
}

// monotonic reads CLOCK_MONOTONIC, in nanoseconds.
func monotonic() (uint64, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, fmt.Errorf("read clock: %w", err)
	}
	return uint64(now.Nano()), nil
}
