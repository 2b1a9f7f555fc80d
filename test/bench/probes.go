// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/bpf/bpftest"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/maps"
)

// runLength is the number of packets a probe processes in a run.
const runLength = int(bpftest.ProbeProbeRunRUN_LENGTH)

// probe is one way to handle the packets.
type probe struct {
	name    string
	program string
	noCache bool // the cache is not used
}

var probes = []probe{
	{"walk", "probe_walk", false},
	{"hash", "probe_in_hash", false},
	{"lpm", "probe_in_lpm", false},
	{"tries", "probe_verdict", true},
	{"index", "probe_in_index", false},
	{"verdict", "probe_verdict", false},
	{"counted", "probe_count_too", false},
}

// prober runs the probes over a table and a list of packets.
type prober struct {
	table *maps.Table
	coll  *ebpf.Collection
	size  int
	once  bool // see traffic
}

func newProber(table *maps.Table, selectors []eroute.Selector, flows, packets []packet, once bool) (*prober, error) {
	spec, err := bpftest.LoadProbe()
	if err != nil {
		return nil, fmt.Errorf("read probes: %w", err)
	}
	if err := bpf.SetMachine(spec); err != nil {
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
	p := &prober{table, coll, len(packets), once}
	if err := errors.Join(p.list(packets), p.fill(selectors, flows)); err != nil {
		coll.Close()
		return nil, err
	}
	return p, nil
}

func (p *prober) list(packets []packet) error {
	if err := put(p.coll.Maps["probe_packets"], numbers(len(packets)), packets); err != nil {
		return err
	}
	if err := p.coll.Variables["probe_count"].Set(uint32(len(packets))); err != nil {
		return fmt.Errorf("set number of packets: %w", err)
	}
	return nil
}

type (
	hashKey6 struct{ Src, Dst [16]byte }
	lpmKey   struct {
		Prefixlen uint32
		Addresses [32]byte
	}
)

// fill adds a key for each eroute to hash and LPM trie: the addresses of its flow, of which the trie uses the
// destination prefix of the eroute.
func (p *prober) fill(selectors []eroute.Selector, flows []packet) error {
	values := make([]uint32, len(selectors))
	var keys4 [][8]byte
	var keys6 []hashKey6
	lpm := make([]lpmKey, len(selectors))
	for i, s := range selectors {
		bytes := s.Src.Addr().BitLen() / 8
		src, dst := flows[i].Src[:bytes], flows[i].Dst[:bytes]
		if bytes == 4 {
			keys4 = append(keys4, [8]byte(slices.Concat(src, dst)))
		} else {
			keys6 = append(keys6, hashKey6{[16]byte(src), [16]byte(dst)})
		}
		lpm[i].Prefixlen = uint32(bytes*8 + s.Dst.Bits())
		copy(lpm[i].Addresses[:], slices.Concat(src, dst))
	}
	if err := put(p.coll.Maps["probe_lpm"], lpm, values); err != nil {
		return err
	}
	if keys6 != nil {
		return put(p.coll.Maps["probe_hash6"], keys6, values)
	}
	return put(p.coll.Maps["probe_hash4"], keys4, values)
}

func numbers(n int) []uint32 {
	all := make([]uint32, n)
	for i := range all {
		all[i] = uint32(i)
	}
	return all
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

// The duration of a probe, and how often the list is processed before.
const (
	warmLaps  = 3
	warmTime  = 5 * time.Second
	roundTime = 30 * time.Millisecond
)

// warm processes the list some times without measuring, but not for longer than warmTime, to fill the cache:
// the first pass does not insert everything.
func (p *prober) warm() error {
	if p.once {
		return nil
	}
	started := time.Now()
	for done := 0; done < warmLaps*p.size && time.Since(started) < warmTime; done += runLength {
		if _, err := p.run(probes[len(probes)-1], 1); err != nil {
			return err
		}
	}
	return nil
}

// nanoseconds is the cost of a packet.
func (p *prober) nanoseconds(pr probe) (float64, error) {
	first, err := p.run(pr, 1)
	if err != nil {
		return 0, err
	}
	return p.run(pr, max(1, min(256, int(roundTime.Seconds()*1e9/first/float64(runLength)))))
}

func (p *prober) run(pr probe, repeat int) (float64, error) {
	if err := p.enableCache(!pr.noCache); err != nil {
		return 0, err
	}
	_, d, err := p.coll.Programs[pr.program].Benchmark(make([]byte, 64), repeat, nil)
	if err != nil {
		return 0, fmt.Errorf("run %s: %w", pr.program, err)
	}
	return float64(d.Nanoseconds()) / float64(runLength), p.enableCache(true)
}

// enableCache enables the cache, or disables it as while a command writes.
func (p *prober) enableCache(on bool) error {
	m := p.table.Map("eroute_meta")
	var meta bpf.ABITableMeta
	if err := m.Lookup(uint32(0), &meta); err != nil {
		return fmt.Errorf("read table state: %w", err)
	}
	meta.Writing = 1
	if on {
		meta.Writing = 0
	}
	if p.once {
		meta.Version++
	}
	if err := m.Put(uint32(0), meta); err != nil {
		return fmt.Errorf("write table state: %w", err)
	}
	return nil
}

func (p *prober) close() { p.coll.Close() }
