// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"fmt"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
)

// snapshot reads counters a chunk at a time and keeps them, 32 bytes an eroute: as they
// were when the first of a chunk was asked for.
type snapshot struct {
	set    *counterSet
	chunks map[uint32][]bpf.ABICounters
	cpus   []bpf.ABICounters
}

func newSnapshot(set *counterSet) *snapshot {
	return &snapshot{set, make(map[uint32][]bpf.ABICounters), make([]bpf.ABICounters, int(counterChunk)*ebpf.MustPossibleCPU())}
}

// read returns an eroute's counters, summed over all CPUs.
func (s *snapshot) read(id uint32) (bpf.ABICounters, error) {
	n := id / counterChunk
	chunk, ok := s.chunks[n]
	if !ok {
		m, err := s.set.chunk(id)
		if err != nil || m == nil {
			return bpf.ABICounters{}, err
		}
		if err := readChunk(m, s.cpus); err != nil {
			return bpf.ABICounters{}, err
		}
		chunk = make([]bpf.ABICounters, counterChunk)
		each := len(s.cpus) / len(chunk)
		for i := range chunk {
			chunk[i] = sumCounters(s.cpus[i*each : (i+1)*each])
		}
		s.chunks[n] = chunk
	}
	return chunk[id%counterChunk], nil
}

// readChunk reads the counters of all CPUs of all eroutes of a chunk.
func readChunk(m *ebpf.Map, values []bpf.ABICounters) error {
	var (
		cursor ebpf.MapBatchCursor
		slots  [counterChunk]uint32
	)
	if n, err := m.BatchLookup(&cursor, slots[:], values, nil); n < len(slots) {
		return fmt.Errorf("read counters: %d of %d: %w", n, len(slots), err)
	}
	return nil
}

func sumCounters(cpus []bpf.ABICounters) (sum bpf.ABICounters) {
	for _, cpu := range cpus {
		sum.Packets += cpu.Packets
		sum.Bytes += cpu.Bytes
		sum.Last = max(sum.Last, cpu.Last)
	}
	return sum
}
