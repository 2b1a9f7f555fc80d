// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// counters are an eroute's, summed over all CPUs.
type counters struct {
	Packets, Bytes uint64
	Last           uint64 // CLOCK_MONOTONIC, ns: when the last packet came, or up to a tick before; 0: never
}

// counterBlock has the counters of eroutes with consecutive ids.
type counterBlock [blockIDs]counters

const (
	blockIDs      = uint32(bpf.ABILimitsCOUNTER_BLOCK)
	counterBlocks = uint32(bpf.ABILimitsCOUNTER_CHUNK_BLOCKS) // of a sheet

	// mostAhead is how many ids room is made for at a time where it is not known how many it will take.
	mostAhead = 65536
)

// counterSet reads and resets eroutes' counters. They lie in sheets, see count.h; the sheets
// opened so far are kept.
type counterSet struct {
	outer  *ebpf.Map
	dir    *loader.Dir // where sheets are pinned
	open   *ebpf.LoadPinOptions
	cpus   uint32
	sheets map[uint32]*ebpf.Map
	shared map[uint32]*pinned.Shared[bpf.ABICounterBlock] // those that were written to
}

// countersName is the array of the sheets.
const countersName = "eroute_counters"

// newCounterSet reads the counters of a table: outer is the array of the sheets, dir where they are pinned.
func newCounterSet(outer *ebpf.Map, dir *loader.Dir, open *ebpf.LoadPinOptions) *counterSet {
	return &counterSet{
		outer: outer, dir: dir, open: open, cpus: outer.MaxEntries() / uint32(bpf.ABILimitsCOUNTER_SHEETS),
		sheets: make(map[uint32]*ebpf.Map), shared: make(map[uint32]*pinned.Shared[bpf.ABICounterBlock]),
	}
}

func (c *counterSet) Close() error {
	var errs []error
	for _, s := range c.shared {
		errs = append(errs, s.Close())
	}
	for _, m := range c.sheets {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

func (c *counterSet) pin(n uint32) string { return c.dir.Path(pinned.InnerName(countersName, n)) }

// sheet opens a sheet; nil if it does not exist.
func (c *counterSet) sheet(n uint32) (*ebpf.Map, error) {
	if m, ok := c.sheets[n]; ok {
		return m, nil
	}
	m, err := pinned.OpenInner(c.dir, c.outer, countersName, n, c.open)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open counters: %w", err)
	}
	c.sheets[n] = m
	return m, nil
}

// block returns the number of the block of an eroute on the first CPU; those on the others follow.
func (c *counterSet) block(id uint32) uint32 { return id / blockIDs * c.cpus }

// reset makes an eroute's counters exist and be zero. No packet may count on them meanwhile.
func (c *counterSet) reset(id uint32) error {
	var s *pinned.Shared[bpf.ABICounterBlock]
	for cpu := range c.cpus {
		n := c.block(id) + cpu
		if cpu == 0 || n%counterBlocks == 0 {
			var err error
			if s, err = c.mapped(n/counterBlocks, id); err != nil {
				return err
			}
		}
		block, at := &s.All[n%counterBlocks], id%blockIDs
		block.Of[at], block.Last[at] = bpf.ABICounters{}, 0
	}
	return nil
}

// mapped maps a sheet into memory, made if it does not exist, as what an id needs.
func (c *counterSet) mapped(n, id uint32) (*pinned.Shared[bpf.ABICounterBlock], error) {
	if s := c.shared[n]; s != nil {
		return s, nil
	}
	m, err := c.sheet(n)
	if err == nil && m == nil {
		ahead := min(max(id, 1), mostAhead) // as many as there are
		if err = c.makeUpTo(min(id+ahead, uint32(bpf.ABILimitsEROUTE_MAX)) - 1); err == nil {
			m, err = c.sheet(n)
		}
	}
	if err != nil {
		return nil, err
	}
	s, err := pinned.OpenShared[bpf.ABICounterBlock](m, false)
	if err != nil {
		return nil, err
	}
	c.shared[n] = s
	return s, nil
}

// reserve makes counters exist for as many ids more as are going to be taken: for each
// update of its map of maps the kernel waits for packets, so there is one for all.
func (c *counterSet) reserve(ids *pinned.Bitmap, count int) error { return c.makeUpTo(ids.Last(count)) }

// makeUpTo makes the sheets exist that ids up to one need. They are made in order: those
// that are missing are the last.
func (c *counterSet) makeUpTo(id uint32) error {
	end := (c.block(id)+c.cpus-1)/counterBlocks + 1
	first := end
	for ; first > 0; first-- {
		if m, err := c.sheet(first - 1); err != nil {
			return err
		} else if m != nil {
			break
		}
	}
	if first == end {
		return nil
	}
	spec, err := pinned.Specs()
	if err != nil {
		return err
	}
	made, err := pinned.NewMaps(spec.Maps[countersName].InnerMap, int(end-first))
	if err != nil {
		return fmt.Errorf("create counters: %w", err)
	}
	defer pinned.CloseMaps(made)
	if err := pinned.PutInners(c.outer, first, made, c.pin); err != nil {
		return fmt.Errorf("install counters: %w", err)
	}
	for i, m := range made {
		c.sheets[first+uint32(i)], made[i] = m, nil
	}
	return nil
}

// read returns an eroute's counters, summed over all CPUs.
func (c *counterSet) read(id uint32) (counters, error) {
	sum, err := c.readBlock(id / blockIDs)
	return sum[id%blockIDs], err
}

// readBlock returns the counters of a block of ids, summed over all CPUs. It takes a system call
// for each: the kernel maps into memory only what is opened for writing.
func (c *counterSet) readBlock(number uint32) (sum counterBlock, err error) {
	const packets = 1<<bpf.ABILimitsCOUNTER_TICK_AT - 1
	var values bpf.ABICounterBlock
	for cpu := range c.cpus {
		n := number*c.cpus + cpu
		m, err := c.sheet(n / counterBlocks)
		if err != nil {
			return sum, err
		}
		if m == nil {
			continue
		}
		if err := m.Lookup(n%counterBlocks, &values); err != nil {
			return sum, fmt.Errorf("read counters: %w", err)
		}
		for i, v := range values.Of {
			sum[i].Packets += v.Packets & packets
			sum[i].Bytes += v.Bytes
			sum[i].Last = max(sum[i].Last, values.Last[i])
		}
	}
	return sum, nil
}
