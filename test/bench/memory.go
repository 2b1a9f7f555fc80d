// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
	"github.com/ipsec-eroute/eroute/test/bench/figures"
)

// memory measures what the eroutes of large tables take in the kernel, once: all of the
// machine's slabs and vmalloc, so other processes disturb it. Per-CPU counters are apart.
func (b *bench) memory(ctx context.Context) error {
	for _, n := range b.sizes {
		if n < 100000 {
			continue // lost in what the machine does besides
		}
		for _, s := range shapes {
			for _, family := range families {
				c := figures.Case{Section: figures.Memory, Table: s.name + " " + family, Eroutes: n}
				b.progress(c)
				if err := b.memoryOf(ctx, c, s.selectors(b.random, n, family == v6)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *bench) memoryOf(ctx context.Context, c figures.Case, selectors []eroute.Selector) error {
	return withTable(func(table *maps.Table) error {
		before, err := settledMemory()
		if err != nil {
			return err
		}
		if err := load(ctx, table, selectors, eroute.Drop); err != nil {
			return err
		}
		after, err := settledMemory()
		if err != nil {
			return err
		}
		n := float64(len(selectors))
		b.Add(c, figures.Rounds{"table": {(after.kernel - before.kernel) / n}, "per-cpu": {(after.perCPU - before.perCPU) / n}})
		return nil
	})
}

// kernelMemory is in bytes.
type kernelMemory struct{ kernel, perCPU float64 }

// settledMemory waits until the kernel has freed what was given up before: until the memory
// in use has not gone down for a while.
func settledMemory() (m kernelMemory, err error) {
	const step, enough = 200 * time.Millisecond, 10
	if m, err = readMemory(); err != nil {
		return m, err
	}
	for still := 0; still < enough; still++ {
		time.Sleep(step)
		last := m
		if m, err = readMemory(); err != nil {
			return m, err
		}
		if m.kernel < last.kernel-1<<18 {
			still = 0
		}
	}
	return m, nil
}

func readMemory() (m kernelMemory, err error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return m, fmt.Errorf("read memory in use: %w", err)
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		var kib float64
		_, _ = fmt.Sscan(rest, &kib)
		switch name {
		case "Slab", "VmallocUsed":
			m.kernel += kib * 1024
		case "Percpu":
			m.perCPU = kib * 1024
		}
	}
	return m, nil
}
