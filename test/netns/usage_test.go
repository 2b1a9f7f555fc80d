// SPDX-License-Identifier: Apache-2.0

package netns_test

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/cilium/ebpf"

	table "github.com/ipsec-eroute/eroute/pkg/maps"
)

// usage is the resources of a gateway's table, this process and its relay.
type usage struct {
	entries                       entriesInUse
	maps, heap, relayMemory       uint64 // bytes
	descriptors, relayDescriptors int
	goroutines                    int
}

// entriesInUse counts the entries of a table's maps.
type entriesInUse struct{ eroutes, sas, acquire, flows, counters, slots, links int }

// usage looks at what is in use.
func (s *soak) usage(t *testing.T) (u usage) {
	t.Helper()
	s.read(t, func(tab *table.Table) error {
		stats, err := tab.Stats()
		if err != nil {
			return err
		}
		u.entries = entriesInUse{
			eroutes: int(stats.Eroutes), flows: stats.Holds + stats.Answered,
			sas: countKeys(t, tab.Map("eroute_said")), acquire: countKeys(t, tab.Map("eroute_acquire")),
			counters: countBits(t, tab.Map("eroute_ids")), slots: countBits(t, tab.Map("eroute_sa_slots")),
			links: strings.Count(pins(t, tab.Dir().Path("links")), "\n"),
		}
		for _, name := range []string{"eroute_said", "eroute_acquire", "eroute_flows", "eroute_trap_rates"} {
			info, err := tab.Map(name).Info()
			if err != nil {
				return err
			}
			memory, _ := info.Memlock()
			u.maps += memory
		}
		return nil
	})
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	u.heap, u.goroutines = stats.HeapAlloc, runtime.NumGoroutine()
	u.descriptors, u.relayDescriptors = descriptors(t, os.Getpid()), descriptors(t, s.relay)
	u.relayMemory = resident(t, s.relay)
	return u
}

// checkMemory checks that the memory in use has not grown.
func (u usage) checkMemory(t *testing.T, since usage) {
	t.Helper()
	for _, m := range []struct {
		name      string
		now, then uint64
		most      uint64 // permitted growth, bytes
	}{
		{"this process", u.heap, since.heap, 8 << 20},
		{"the relay", u.relayMemory, since.relayMemory, 8 << 20},
		{"the maps", u.maps, since.maps, 4 << 20},
	} {
		if m.now > m.then+m.most {
			t.Errorf("%s takes %d bytes, and took %d", m.name, m.now, m.then)
		}
	}
}

func countKeys(t *testing.T, m *ebpf.Map) (n int) {
	t.Helper()
	var k, v []byte
	it := m.Iterate()
	for it.Next(&k, &v) {
		n++
	}
	// From a hash that packets change meanwhile.
	if err := it.Err(); err != nil && !errors.Is(err, ebpf.ErrIterationAborted) {
		t.Fatal(err)
	}
	return n
}

func countBits(t *testing.T, m *ebpf.Map) (n int) {
	t.Helper()
	var cursor ebpf.MapBatchCursor
	keys, values := make([]uint32, m.MaxEntries()), make([]uint64, m.MaxEntries())
	got, err := m.BatchLookup(&cursor, keys, values, nil)
	if err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
		t.Fatal(err)
	}
	for _, word := range values[:got] {
		n += bits.OnesCount64(word)
	}
	return n
}

func descriptors(t *testing.T, pid int) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// resident is a process's memory, in bytes.
func resident(t *testing.T, pid int) uint64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseUint(strings.Fields(string(text))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * uint64(os.Getpagesize())
}
