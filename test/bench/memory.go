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

// memory measures the kernel memory of large tables, once: all of the machine's slabs and vmalloc, so other
// processes disturb it. Counters are separate: they take the same again per CPU.
func (b *bench) memory(ctx context.Context) error {
	for _, n := range b.sizes {
		if n < 100000 {
			continue // lost in the noise of the machine
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
		before, err := readTable(table)
		if err != nil {
			return err
		}
		if err := load(ctx, table, selectors, eroute.Drop); err != nil {
			return err
		}
		after, err := readTable(table)
		if err != nil {
			return err
		}
		n, counters := float64(len(selectors)), after.counters-before.counters
		b.Add(c, figures.Rounds{"table": {(after.kernel - before.kernel - counters) / n}, "counters": {counters / n}})
		return nil
	})
}

// kernelMemory is in bytes.
type kernelMemory struct{ kernel, counters float64 }

func readTable(table *maps.Table) (m kernelMemory, err error) {
	sizes, err := table.Memory()
	if err != nil {
		return m, fmt.Errorf("read memory of the table: %w", err)
	}
	m.counters = float64(sizes["eroute_counters"])
	m.kernel, err = settledMemory()
	return m, err
}

// settledMemory waits until the kernel has freed deleted objects: until the memory in use has not decreased
// for a while.
func settledMemory() (bytes float64, err error) {
	const step, enough = 200 * time.Millisecond, 10
	if bytes, err = readMemory(); err != nil {
		return bytes, err
	}
	for still := 0; still < enough; still++ {
		time.Sleep(step)
		last := bytes
		if bytes, err = readMemory(); err != nil {
			return bytes, err
		}
		if bytes < last-1<<18 {
			still = 0
		}
	}
	return bytes, nil
}

func readMemory() (bytes float64, err error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return bytes, fmt.Errorf("read memory in use: %w", err)
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		var kib float64
		_, _ = fmt.Sscan(rest, &kib)
		if name == "Slab" || name == "VmallocUsed" {
			bytes += kib * 1024
		}
	}
	return bytes, nil
}
