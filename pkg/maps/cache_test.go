// SPDX-License-Identifier: Apache-2.0

package maps

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/cilium/ebpf"

	"github.com/ipsec-eroute/eroute/bpf"
	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
	"github.com/ipsec-eroute/eroute/pkg/lookup"
	"github.com/ipsec-eroute/eroute/pkg/pinned"
)

// visitCache visits the IPv4 cache entries of the table's version.
func visitCache(t *testing.T, table *Table, visit func(*bpf.ABICacheWords) (changed bool)) {
	t.Helper()
	version := table.meta.Value.Version
	array := table.Map("eroute_cache4")
	slots, err := pinned.TakenSlots(array)
	if err != nil {
		t.Fatal(err)
	}
	for _, slot := range slots {
		var chunk *ebpf.Map
		if err := array.Lookup(slot, &chunk); err != nil {
			t.Fatal(err)
		}
		var at uint32
		var set bpf.ABICacheBucket4
		for it := chunk.Iterate(); it.Next(&at, &set); {
			for i := range set.Way {
				if a := &set.Way[i].Words; a.Version<<16>>16 != version || !visit(a) {
					continue
				}
				if err := chunk.Put(at, set); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = chunk.Close()
	}
}

// TestCacheHit checks that a cache entry is inserted, is used while the table does not change, and is used
// neither while a command writes nor afterwards.
func TestCacheHit(t *testing.T) {
	table := newTable(t)
	reference := &eroute.Linear{}
	mustApply(t, table, reference, add(nth(0), eroute.Drop))
	p := eroute.Packet{Src: nth(0).Src.Addr(), Dst: nth(0).Dst.Addr(), Proto: 17, SrcPort: 1, DstPort: 2}
	checkPacket(t, table, reference, p)
	answers := 0
	visitCache(t, table, func(a *bpf.ABICacheWords) bool {
		answers++
		a.Result &^= 7 << 56 // the action: as for a miss in the table
		return true
	})
	if answers != 1 {
		t.Fatalf("%d answers are remembered, want 1", answers)
	}
	found := func() bool {
		t.Helper()
		_, found, err := table.Lookup(p)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found() {
		t.Error("the answer was not used")
	}
	table.beginWriting()
	if !found() {
		t.Error("the answer was used while a command writes")
	}
	visitCache(t, table, func(*bpf.ABICacheWords) bool {
		t.Error("an answer was left while a command writes")
		return false
	})
	table.endWriting()
	if !found() {
		t.Error("the answer was used after a change")
	}
}

// setOf returns the cache bucket of an IPv4 packet.
func setOf(p eroute.Packet, meta *bpf.ABITableMeta) uint64 {
	secret := abi.SecretsOf(meta)
	dst := p.Dst.As4()
	sum := secret.Address(p.Src, binary.NativeEndian.Uint32(dst[:]), 0) +
		secret.Pair(uint32(abi.BEPort(p.SrcPort))|uint32(abi.BEPort(p.DstPort))<<16, uint32(p.Proto), 8)
	h := secret.Spread(sum)
	return (h ^ h>>32) * meta.Factors[1] >> (64 - meta.CacheBits[0])
}

// TestCacheBucketCollision checks that packets that all hash to one bucket get the right verdict. An attacker
// who knew the secrets could choose such packets.
func TestCacheBucketCollision(t *testing.T) {
	table := newTable(t)
	reference := &eroute.Linear{}
	for i := range 64 {
		mustApply(t, table, reference, add(nth(i), []eroute.SAID{eroute.Drop, eroute.Pass, eroute.Reject}[i%3]))
	}
	var together []eroute.Packet
	for port := uint16(1); len(together) < 20; port++ {
		for i := range 80 {
			s := nth(i)
			p := eroute.Packet{Src: s.Src.Addr(), Dst: s.Dst.Addr(), Proto: 17, SrcPort: port, DstPort: 53}
			if setOf(p, table.meta.Value) == 7 {
				together = append(together, p)
			}
		}
	}
	for range 50 {
		for _, p := range together {
			checkPacket(t, table, reference, p)
			checkPacket(t, table, reference, p)
		}
	}
	answers := 0
	visitCache(t, table, func(*bpf.ABICacheWords) bool { answers++; return false })
	if answers != int(bpf.ABILimitsCACHE_WAYS) {
		t.Errorf("%d answers are remembered, want those of one set", answers)
	}
}

// TestCacheSpreadsSimilarKeys checks that packets with similar, ascending keys are cached in many buckets, even
// if a random factor is poor.
func TestCacheSpreadsSimilarKeys(t *testing.T) {
	for _, poor := range []int{0, 1} {
		table := newTable(t)
		table.meta.Value.Factors[poor] = 1
		mustApply(t, table, &eroute.Linear{}, add(nth(0), eroute.Drop))
		const packets = 4096
		answers := 0
		for range 4 {
			answers = lookUpPorts(t, table, packets)
		}
		if answers < packets*99/100 {
			t.Errorf("%d answers are remembered of %d, with factors %d", answers, packets, table.meta.Value.Factors)
		}
	}
}

// lookUpPorts looks up one packet per port, on one CPU, and returns the number of cache entries.
func lookUpPorts(t *testing.T, table *Table, ports uint16) (answers int) {
	t.Helper()
	onCPU(t, 0, func() {
		for port := range ports {
			p := eroute.Packet{Src: nth(0).Src.Addr(), Dst: nth(0).Dst.Addr(), Proto: 17, SrcPort: 4500, DstPort: port}
			if _, found, err := table.Lookup(p); err != nil || !found {
				t.Fatal(found, err)
			}
		}
	})
	visitCache(t, table, func(*bpf.ABICacheWords) bool { answers++; return false })
	return answers
}

// TestCacheMissStreak checks that few one-off packets are cached, until packets hit.
func TestCacheMissStreak(t *testing.T) {
	const packets, patience, sample = 4096, int(bpf.ABILimitsCACHE_PATIENCE), int(bpf.ABILimitsCACHE_SAMPLE)
	table := newTable(t)
	mustApply(t, table, &eroute.Linear{}, add(nth(0), eroute.Drop))
	want := patience + (packets-patience)/sample
	if answers := lookUpPorts(t, table, packets); answers < want*9/10 || answers > want*11/10 {
		t.Errorf("%d answers are remembered of %d packets that came once, want some %d", answers, packets, want)
	}
	for range 3 {
		lookUpPorts(t, table, packets)
	}
	if answers := lookUpPorts(t, table, packets); answers < packets*99/100 {
		t.Errorf("%d answers are remembered of %d packets that came again", answers, packets)
	}
}

// TestCacheUnderTraffic checks that no lookup returns an old verdict after a change has returned, while threads
// look the same packet up all the time.
func TestCacheUnderTraffic(t *testing.T) {
	const changes = 300
	table := newTable(t)
	reference := &eroute.Linear{}
	mustApply(t, table, reference, add(nth(0), eroute.Drop))
	p := eroute.Packet{Src: nth(0).Src.Addr(), Dst: nth(0).Dst.Addr(), Proto: 17, SrcPort: 1, DstPort: 2}
	stop := lookUpContinuously(t, table, p)
	for i := range changes {
		mustApply(t, table, reference, replace(nth(0), []eroute.SAID{eroute.Pass, eroute.Drop}[i%2]))
		for range 20 {
			checkPacket(t, table, reference, p)
		}
		if t.Failed() {
			break
		}
	}
	stop()
}

// lookUpContinuously looks a packet up from several threads until stop is called.
func lookUpContinuously(t *testing.T, table *Table, p eroute.Packet) (stop func()) {
	t.Helper()
	const readers = 4
	program, err := ebpf.LoadPinnedProgram(table.dir.Path(lookup.PinName), nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	var group sync.WaitGroup
	for range readers {
		group.Go(func() {
			frame, err := lookup.Frame(p)
			for err == nil {
				select {
				case <-done:
					return
				default:
					_, _, err = program.Benchmark(frame, 1000, nil)
				}
			}
			t.Error(err)
		})
	}
	return func() {
		close(done)
		group.Wait()
		_ = program.Close()
	}
}
