// SPDX-License-Identifier: Apache-2.0

package counters

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/loader"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// Counters are the counters of an eroute, summed over all CPUs.
type Counters struct {
	Packets, Bytes uint64
	Last           uint64 // time of the last packet, rounded down to a tick; CLOCK_MONOTONIC, ns; 0: none
}

// Block is the counters of eroutes with consecutive ids.
type Block [BlockIDs]Counters

// Sizes of blocks and chunks.
const (
	BlockIDs    = uint32(bpf.ABILimitsCOUNTER_BLOCK)
	ChunkBlocks = uint32(bpf.ABILimitsCOUNTER_CHUNK_BLOCKS) // in a chunk

	// maxAhead is the highest number of ids that chunks are created for in advance.
	maxAhead = 65536
)

// Set is the counters of a table. It keeps the chunks that it has opened. Not for concurrent use.
type Set struct {
	outer  *ebpf.Map
	dir    *loader.Dir // where chunks are pinned
	open   *ebpf.LoadPinOptions
	cpus   uint32
	chunks map[uint32]*ebpf.Map
	shared map[uint32]*pinned.Shared[bpf.ABICounterBlock] // chunks that are mapped into memory
}

// MapName is the name of the array of chunks.
const MapName = "eroute_counters"

// NewSet returns the counters of a table: outer is the array of chunks, dir the pin directory, open how chunks are
// opened.
func NewSet(outer *ebpf.Map, dir *loader.Dir, open *ebpf.LoadPinOptions) *Set {
	return &Set{
		outer: outer, dir: dir, open: open, cpus: outer.MaxEntries() / uint32(bpf.ABILimitsCOUNTER_CHUNKS),
		chunks: make(map[uint32]*ebpf.Map), shared: make(map[uint32]*pinned.Shared[bpf.ABICounterBlock]),
	}
}

// Close closes the chunks, not the array.
func (c *Set) Close() error {
	var errs []error
	for _, s := range c.shared {
		errs = append(errs, s.Close())
	}
	for _, m := range c.chunks {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

func (c *Set) pin(n uint32) string { return c.dir.Path(pinned.InnerName(MapName, n)) }

// chunk opens a chunk. Returns nil if it does not exist.
func (c *Set) chunk(n uint32) (*ebpf.Map, error) {
	if m, ok := c.chunks[n]; ok {
		return m, nil
	}
	m, err := pinned.OpenInner(c.dir, c.outer, MapName, n, c.open)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open counters: %w", err)
	}
	c.chunks[n] = m
	return m, nil
}

// block returns the number of the block of an id on the first CPU; those on the other CPUs follow.
func (c *Set) block(id uint32) uint32 { return id / BlockIDs * c.cpus }

// Reset sets the counters of an id to zero, and creates them if they do not exist. No packet may be counted on them
// meanwhile.
func (c *Set) Reset(id uint32) error {
	var s *pinned.Shared[bpf.ABICounterBlock]
	for cpu := range c.cpus {
		n := c.block(id) + cpu
		if cpu == 0 || n%ChunkBlocks == 0 {
			var err error
			if s, err = c.mapped(n/ChunkBlocks, id); err != nil {
				return err
			}
		}
		block, at := &s.All[n%ChunkBlocks], id%BlockIDs
		block.Of[at], block.Last[at] = bpf.ABICounters{}, 0
	}
	return nil
}

// mapped maps chunk n into memory. If it does not exist it is created for an id, and more in advance.
func (c *Set) mapped(n, id uint32) (*pinned.Shared[bpf.ABICounterBlock], error) {
	if s := c.shared[n]; s != nil {
		return s, nil
	}
	m, err := c.chunk(n)
	if err == nil && m == nil {
		ahead := min(max(id, 1), maxAhead) // double the chunks
		if err = c.makeUpTo(min(id+ahead, uint32(bpf.ABILimitsEROUTE_MAX)) - 1); err == nil {
			m, err = c.chunk(n)
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

// Reserve creates the counters of the next count ids that are taken, with one update: the kernel waits for an RCU
// grace period after each.
func (c *Set) Reserve(ids *pinned.Bitmap, count int) error { return c.makeUpTo(ids.Last(count)) }

// makeUpTo creates the missing chunks of the ids up to one. Chunks are created in order.
func (c *Set) makeUpTo(id uint32) error {
	end := (c.block(id)+c.cpus-1)/ChunkBlocks + 1
	first := end
	for ; first > 0; first-- {
		if m, err := c.chunk(first - 1); err != nil {
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
	made, err := pinned.NewMaps(spec.Maps[MapName].InnerMap, int(end-first))
	if err != nil {
		return fmt.Errorf("create counters: %w", err)
	}
	defer pinned.CloseMaps(made)
	if err := pinned.PutInners(c.outer, first, made, c.pin); err != nil {
		return fmt.Errorf("install counters: %w", err)
	}
	for i, m := range made {
		c.chunks[first+uint32(i)], made[i] = m, nil
	}
	return nil
}

// Read returns the counters of an id.
func (c *Set) Read(id uint32) (Counters, error) {
	sum, err := c.ReadBlock(id / BlockIDs)
	return sum[id%BlockIDs], err
}

// PacketsByCPU returns the packets of an id on each possible CPU.
func (c *Set) PacketsByCPU(id uint32) ([]uint64, error) {
	const packets = 1<<bpf.ABILimitsCOUNTER_TICK_AT - 1
	var values bpf.ABICounterBlock
	all := make([]uint64, c.cpus)
	for cpu := range c.cpus {
		n := c.block(id) + cpu
		m, err := c.chunk(n / ChunkBlocks)
		if err != nil {
			return nil, err
		}
		if m == nil {
			continue
		}
		if err := m.Lookup(n%ChunkBlocks, &values); err != nil {
			return nil, fmt.Errorf("read counters: %w", err)
		}
		all[cpu] = values.Of[id%BlockIDs].Packets & packets
	}
	return all, nil
}

// ReadBlock returns the counters of the ids from number*BlockIDs on. It makes a system call for each CPU: the kernel
// maps into memory only what is opened for writing.
func (c *Set) ReadBlock(number uint32) (sum Block, err error) {
	const packets = 1<<bpf.ABILimitsCOUNTER_TICK_AT - 1
	var values bpf.ABICounterBlock
	for cpu := range c.cpus {
		n := number*c.cpus + cpu
		m, err := c.chunk(n / ChunkBlocks)
		if err != nil {
			return sum, err
		}
		if m == nil {
			continue
		}
		if err := m.Lookup(n%ChunkBlocks, &values); err != nil {
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
