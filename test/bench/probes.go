// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// runLength is how many packets a probe goes through in a run.
const runLength = int(bpf.ProbeProbeRunRUN_LENGTH)

// probe is one way to treat the packets.
type probe struct {
	name    string
	program string
	forget  bool // nothing is remembered
}

var probes = []probe{
	{"walk", "probe_walk", false},
	{"hash", "probe_in_hash", false},
	{"lpm", "probe_in_lpm", false},
	{"tries", "probe_verdict", true},
	{"verdict", "probe_verdict", false},
	{"counted", "probe_count_too", false},
}

// prober runs the probes over a table and a list of packets.
type prober struct {
	table *maps.Table
	coll  *ebpf.Collection
	size  int
}

func newProber(table *maps.Table, selectors []eroute.Selector, packets []packet) (*prober, error) {
	spec, err := bpf.LoadProbe()
	if err != nil {
		return nil, fmt.Errorf("read probes: %w", err)
	}
	if err := bpf.SetOrder(spec); err != nil {
		return nil, err
	}
	shared := make(map[string]*ebpf.Map)
	for name, m := range table.Replacements() {
		if spec.Maps[name] != nil {
			shared[name] = m
			spec.Maps[name].MaxEntries = m.MaxEntries()
		}
	}
	for _, name := range []string{"probe_hash4", "probe_hash6", "probe_lpm"} {
		spec.Maps[name].MaxEntries = uint32(len(selectors) + 1)
	}
	spec.Maps["probe_packets"].MaxEntries = uint32(len(packets))
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared})
	if err != nil {
		return nil, fmt.Errorf("load probes: %w", err)
	}
	p := &prober{table, coll, len(packets)}
	if err := p.fill(selectors, packets); err != nil {
		coll.Close()
		return nil, err
	}
	return p, nil
}

type (
	hashKey6 struct{ Src, Dst [16]byte }
	lpmKey   struct {
		Prefixlen uint32
		Dst       [16]byte
	}
)

func (p *prober) fill(selectors []eroute.Selector, packets []packet) error {
	numbers := make([]uint32, len(packets))
	for i := range numbers {
		numbers[i] = uint32(i)
	}
	if err := put(p.coll.Maps["probe_packets"], numbers, packets); err != nil {
		return err
	}
	if err := p.coll.Variables["probe_count"].Set(uint32(len(packets))); err != nil {
		return fmt.Errorf("set number of packets: %w", err)
	}
	values := make([]uint32, len(selectors))
	var keys4 [][8]byte
	var keys6 []hashKey6
	lpm := make([]lpmKey, len(selectors))
	for i, s := range selectors {
		src, dst := s.Src.Addr().AsSlice(), s.Dst.Addr().AsSlice()
		if s.Src.Addr().Is4() {
			keys4 = append(keys4, [8]byte(append(src, dst...)))
		} else {
			keys6 = append(keys6, hashKey6{[16]byte(src), [16]byte(dst)})
		}
		lpm[i].Prefixlen = uint32(s.Dst.Bits())
		copy(lpm[i].Dst[:], dst)
	}
	if err := put(p.coll.Maps["probe_lpm"], lpm, values); err != nil {
		return err
	}
	if keys6 != nil {
		return put(p.coll.Maps["probe_hash6"], keys6, values)
	}
	return put(p.coll.Maps["probe_hash4"], keys4, values)
}

func put[K, V any](m *ebpf.Map, keys []K, values []V) error {
	for i := 0; i < len(keys); {
		n, err := m.BatchUpdate(keys[i:min(i+65536, len(keys))], values[i:min(i+65536, len(keys))], nil)
		if err != nil {
			return fmt.Errorf("fill %s: %w", m, err)
		}
		i += n
	}
	return nil
}

// nanoseconds is what a packet costs, once through the list or a few times.
func (p *prober) nanoseconds(pr probe) (float64, error) {
	if err := p.remember(!pr.forget); err != nil {
		return 0, err
	}
	frame := make([]byte, 64)
	runs := max(20, p.size/runLength)
	// The list once before it counts.
	for _, repeat := range []int{min(runs, 64), runs} {
		_, d, err := p.coll.Programs[pr.program].Benchmark(frame, repeat, nil)
		if err != nil {
			return 0, fmt.Errorf("run %s: %w", pr.program, err)
		}
		if repeat == runs {
			return float64(d.Nanoseconds()) / float64(runLength), p.remember(true)
		}
	}
	return 0, nil
}

// remember has programs use and leave remembered answers, or not: as while a command writes.
func (p *prober) remember(yes bool) error {
	m := p.table.Map("eroute_meta")
	var meta bpf.ABITableMeta
	if err := m.Lookup(uint32(0), &meta); err != nil {
		return fmt.Errorf("read table state: %w", err)
	}
	meta.Writing = 1
	if yes {
		meta.Writing = 0
	}
	if err := m.Put(uint32(0), meta); err != nil {
		return fmt.Errorf("write table state: %w", err)
	}
	return nil
}

func (p *prober) close() { p.coll.Close() }

// median returns the median, and the spread of the middle half as a part of it.
func median(v []float64) (mid, spread float64) {
	slices.Sort(v)
	mid = v[len(v)/2]
	return mid, (v[len(v)*3/4] - v[len(v)/4]) / mid
}
