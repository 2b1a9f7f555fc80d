// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"fmt"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
)

const counterChunk = uint32(bpf.ABILimitsCOUNTER_CHUNK)

// counterSet reads and resets eroutes' counters. They are allocated in chunks of
// per-CPU arrays; the chunks opened so far are kept.
type counterSet struct {
	outer  *ebpf.Map
	chunks map[uint32]*ebpf.Map
}

func newCounterSet(outer *ebpf.Map) *counterSet {
	return &counterSet{outer: outer, chunks: make(map[uint32]*ebpf.Map)}
}

func (c *counterSet) Close() error {
	var errs []error
	for _, m := range c.chunks {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// chunk opens the chunk that holds an eroute's counters; nil if it does not exist.
func (c *counterSet) chunk(id uint32) (*ebpf.Map, error) {
	n := id / counterChunk
	if m, ok := c.chunks[n]; ok {
		return m, nil
	}
	var m *ebpf.Map
	err := c.outer.Lookup(n, &m)
	if errors.Is(err, ebpf.ErrKeyNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open counters: %w", err)
	}
	c.chunks[n] = m
	return m, nil
}

// reset makes an eroute's counters exist and be zero. No packet may count on them meanwhile.
func (c *counterSet) reset(id uint32) error {
	m, err := c.chunk(id)
	if err != nil {
		return err
	}
	if m != nil {
		zero := make([]bpf.ABICounters, ebpf.MustPossibleCPU())
		if err := m.Put(id%counterChunk, zero); err != nil {
			return fmt.Errorf("reset counters: %w", err)
		}
		return nil
	}
	spec, err := specs()
	if err != nil {
		return err
	}
	m, err = ebpf.NewMap(spec.Maps["eroute_counters"].InnerMap)
	if err != nil {
		return fmt.Errorf("create counters: %w", err)
	}
	c.chunks[id/counterChunk] = m
	if err := c.outer.Put(id/counterChunk, m); err != nil {
		return fmt.Errorf("install counters: %w", err)
	}
	return nil
}

// read sums an eroute's counters over all CPUs.
func (c *counterSet) read(id uint32) (bpf.ABICounters, error) {
	var sum bpf.ABICounters
	m, err := c.chunk(id)
	if err != nil || m == nil {
		return sum, err
	}
	var cpus []bpf.ABICounters
	if err := m.Lookup(id%counterChunk, &cpus); err != nil {
		return sum, fmt.Errorf("read counters: %w", err)
	}
	for _, cpu := range cpus {
		sum.Packets += cpu.Packets
		sum.Bytes += cpu.Bytes
		sum.Last = max(sum.Last, cpu.Last)
	}
	return sum, nil
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
