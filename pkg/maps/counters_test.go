// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"errors"
	"maps"
	"net/netip"
	"runtime"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/bpf/bpftest"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/counters"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// TestCountersRestart checks that counters start at 0 after every add and replace, even in a reused slot, and
// that other changes do not affect them.
func TestCountersRestart(t *testing.T) {
	table, reference := newTable(t), &eroute.Linear{}
	count := func(n int, packets uint64) {
		t.Helper()
		row, exists, err := table.gen.Entry(nth(n))
		if err != nil || !exists {
			t.Fatalf("row %d: %v, %v", n, exists, err)
		}
		for cpu := range cpus() {
			setCounters(t, table, row.Id, cpu, packets)
		}
	}
	listed := func() (packets []uint64) {
		t.Helper()
		for e, err := range table.All() {
			if err != nil || e.Bytes != 100*e.Packets || e.LastUsed.IsZero() != (e.Packets == 0) {
				t.Errorf("%+v, %v", e, err)
			}
			packets = append(packets, e.Packets)
		}
		return packets
	}
	mustApply(t, table, reference, add(nth(0), eroute.Drop), add(nth(1), eroute.Drop))
	count(0, 7)
	count(1, 9)
	before := listed()
	if before[0] == 0 || before[0]%7 != 0 || before[1] == 0 || before[1]%9 != 0 {
		t.Fatalf("counters %d, want what was written on each CPU", before)
	}
	for i := range 4 {
		mustApply(t, table, reference, replace(nth(0), eroute.Drop))
		if got := listed(); got[0] != 0 || got[1] != before[1] {
			t.Errorf("counters %d after replace %d, want 0 and %d", got, i, before[1])
		}
		count(0, 7)
	}
	mustApply(t, table, reference, del(nth(0)), add(nth(0), eroute.Drop))
	if got := listed(); got[0] != 0 || got[1] != before[1] {
		t.Errorf("counters %d after del and add, want 0 and %d", got, before[1])
	}
	mustApply(t, table, reference, empty, add(nth(0), eroute.Drop), add(nth(1), eroute.Drop))
	if got := listed(); got[0] != 0 || got[1] != 0 {
		t.Errorf("counters %d after clear, want 0", got)
	}
}

// setCounters sets the counters of an eroute on one CPU, with 100 bytes per packet.
func setCounters(t *testing.T, table *Table, id, cpu uint32, packets uint64) {
	t.Helper()
	n := id/counters.BlockIDs*cpus() + cpu
	chunk, err := pinned.OpenInner(table.dir, table.maps[counters.MapName], counters.MapName, n/counters.ChunkBlocks, table.options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = chunk.Close() }()
	const longAgo = 0x8001 << bpf.ABILimitsCOUNTER_TICK_AT
	var block bpf.ABICounterBlock
	err = chunk.Lookup(n%counters.ChunkBlocks, &block)
	at := id % counters.BlockIDs
	block.Of[at], block.Last[at] = bpf.ABICounters{Packets: packets | longAgo, Bytes: 100 * packets}, 1<<30
	if err = errors.Join(err, chunk.Put(n%counters.ChunkBlocks, block)); err != nil {
		t.Fatal(err)
	}
}

// cpus returns the number of CPUs that count.
func cpus() uint32 { return uint32(ebpf.MustPossibleCPU()) }

// sheetIDs returns the number of eroutes with counters in one chunk.
func sheetIDs(table *Table) int { return int(counters.ChunkBlocks * counters.BlockIDs / cpus()) }

// host returns a selector for one source address.
func host(n int) eroute.Selector {
	a := netip.AddrFrom4([4]byte{172, byte(n >> 16), byte(n >> 8), byte(n)})
	return eroute.Selector{Src: netip.PrefixFrom(a, 32), Dst: netip.MustParsePrefix("0.0.0.0/0")}
}

func hosts(n int, op eroute.Op) []eroute.Change {
	changes := make([]eroute.Change, n)
	for i := range changes {
		changes[i] = eroute.Change{Op: op, Selector: host(i), SAID: eroute.Drop}
	}
	return changes
}

// checkSheets checks that exactly the chunks that this number of ids needs exist.
func checkSheets(t *testing.T, table *Table, ids int) {
	t.Helper()
	got, err := pinned.TakenSlots(table.maps[counters.MapName])
	blocks := (uint32(ids) + counters.BlockIDs - 1) / counters.BlockIDs * cpus()
	if want := (blocks + counters.ChunkBlocks - 1) / counters.ChunkBlocks; err != nil || uint32(len(got)) != want {
		t.Errorf("chunks %d for %d ids, %v, want %d", got, ids, err, want)
	}
}

// TestCountersInBulk checks that chunks are allocated for added eroutes and reused, also for a large batch.
func TestCountersInBulk(t *testing.T) {
	table := newTable(t)
	many := sheetIDs(table) + 10
	for range 2 {
		for _, op := range []eroute.Op{eroute.OpAdd, eroute.OpDel} {
			if err := table.Apply(t.Context(), hosts(many, op)); err != nil {
				t.Fatal(err)
			}
			checkSheets(t, table, many)
		}
		checkDerived(t, table)
	}
	for _, op := range []eroute.Op{eroute.OpAdd, eroute.OpReplace} { // new counters, while packets may still count in the old ones
		if err := table.Apply(t.Context(), hosts(many, op)); err != nil {
			t.Fatal(err)
		}
	}
	checkSheets(t, table, 2*many)
	checkDerived(t, table)
	for e, err := range table.All() {
		if err != nil || e.Packets != 0 {
			t.Fatalf("%+v, %v", e, err)
		}
	}
}

// TestCountersAllocated checks that single adds allocate chunks for the eroutes that exist, and no more.
func TestCountersAllocated(t *testing.T) {
	table := newTable(t)
	checkSheets(t, table, 0)
	for _, id := range []uint32{0, counters.BlockIDs - 1, counters.BlockIDs} {
		if err := table.counts.Reset(id); err != nil {
			t.Fatal(err)
		}
		checkSheets(t, table, sheetIDs(table))
	}
	for range 2 {
		if err := table.counts.Reset(uint32(sheetIDs(table))); err != nil {
			t.Fatal(err)
		}
		checkSheets(t, table, 2*sheetIDs(table))
	}
}

// TestCountersMatchPrograms checks that programs count in the counters that commands read, on every CPU and in
// every chunk, and nowhere else.
func TestCountersMatchPrograms(t *testing.T) {
	table := newTable(t)
	many := sheetIDs(table) + 300
	if err := table.Apply(t.Context(), hosts(many, eroute.OpAdd)); err != nil {
		t.Fatal(err)
	}
	var packets []bpftest.ProbePacket
	want := make(map[eroute.Selector]uint64)
	for _, n := range []int{0, 127, 128, 129, sheetIDs(table) - 1, sheetIDs(table), many - 2, many - 1} { // 2 to the power of 3
		s := host(n)
		p := bpftest.ProbePacket{Family: unix.AF_INET, Proto: unix.IPPROTO_UDP, Dst: [16]uint8{192, 0, 2, 1}}
		copy(p.Src[:], s.Src.Addr().AsSlice())
		packets = append(packets, p)
		want[s] = uint64(ebpf.MustPossibleCPU()) * uint64(bpftest.ProbeProbeRunRUN_LENGTH) / 8
	}
	count := loadProbe(t, table, packets)
	row, _, err := table.gen.Entry(host(0))
	if err != nil {
		t.Fatal(err)
	}
	const counted = 1 << 40
	setCounters(t, table, row.Id, 0, counted)
	want[host(0)] += counted
	before, err := abi.Monotonic()
	if err != nil {
		t.Fatal(err)
	}
	for cpu := range ebpf.MustPossibleCPU() {
		onCPU(t, cpu, func() {
			if got, err := count.Run(&ebpf.RunOptions{Data: make([]byte, 64)}); err != nil || got != 0 {
				t.Errorf("on CPU %d: %d, %v", cpu, got, err)
			}
		})
	}
	got := make(map[eroute.Selector]uint64)
	for e, err := range table.All() {
		if err != nil {
			t.Fatal(err)
		}
		if e.Packets > 0 {
			got[e.Selector] = e.Packets
		}
		if e.Bytes != 64*e.Packets+(100-64)*(e.Packets&counted) || e.LastUsed.IsZero() != (e.Packets == 0) {
			t.Errorf("%+v", e)
		}
	}
	if !maps.Equal(got, want) {
		t.Errorf("counted %v, want %v", got, want)
	}
	after, err := abi.Monotonic()
	if err != nil {
		t.Fatal(err)
	}
	const step = 20e6 // of the coarse clock
	if c, err := table.counts.Read(row.Id); err != nil || c.Last+step < before || c.Last > after {
		t.Errorf("counted at %d, %v, want from %d to %d", c.Last, err, before, after)
	}
}

// loadProbe loads the program that matches packets and counts them.
func loadProbe(t *testing.T, table *Table, packets []bpftest.ProbePacket) *ebpf.Program {
	t.Helper()
	return loadProbes(t, table, packets).Programs["probe_count_too"]
}

// loadProbes loads the programs that match packets.
func loadProbes(t *testing.T, table *Table, packets []bpftest.ProbePacket) *ebpf.Collection {
	t.Helper()
	spec, err := bpftest.LoadProbe()
	if err != nil {
		t.Fatal(err)
	}
	spec.Maps["probe_packets"].MaxEntries = uint32(len(packets))
	if err := bpf.SetMachine(spec); err != nil {
		t.Fatal(err)
	}
	shared := table.Replacements()
	maps.DeleteFunc(shared, func(m string, _ *ebpf.Map) bool { return spec.Maps[m] == nil })
	coll, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{MapReplacements: shared})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(coll.Close)
	for i, p := range packets {
		if err := coll.Maps["probe_packets"].Put(uint32(i), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := coll.Variables["probe_count"].Set(uint32(len(packets))); err != nil {
		t.Fatal(err)
	}
	return coll
}

// onCPU calls f on a CPU, in the thread that the test is locked to.
func onCPU(t *testing.T, cpu int, f func()) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, one unix.CPUSet
	one.Set(cpu)
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		t.Fatal(err)
	}
	f()
	if err := unix.SchedSetaffinity(0, &all); err != nil {
		t.Fatal(err)
	}
}
