// SPDX-License-Identifier: Apache-2.0

package top

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

// table is a Source in memory.
type table struct {
	counts  map[uint32]count
	holds   []eroute.Eroute
	version uint64
	walks   int // number of calls of Named
	named   int // numbers requested
	err     error
}

func (t *table) EachCount(f func(id uint32, packets, bytes uint64)) error {
	for id := range uint32(1000) {
		if c, ok := t.counts[id]; ok {
			f(id, c.packets, c.bytes)
		}
	}
	return t.err
}

func (t *table) Version() uint64                 { return t.version }
func (t *table) Holds() ([]eroute.Eroute, error) { return t.holds, nil }

func (t *table) Named(ids map[uint32]bool) (map[uint32]eroute.Eroute, error) {
	t.walks++
	t.named += len(ids)
	names := make(map[uint32]eroute.Eroute)
	for id := range ids {
		if id < 900 { // no eroute has the other numbers
			names[id] = eroute.Eroute{Selector: selector(id), SAID: eroute.Drop}
		}
	}
	return names, nil
}

func selector(id uint32) eroute.Selector {
	return eroute.Selector{
		Src: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(id >> 8), byte(id)}), 32),
		Dst: netip.MustParsePrefix("10.1.0.0/16"),
	}
}

// lines formats rows.
func lines(rows []Row) (all []string) {
	for _, r := range rows {
		all = append(all, fmt.Sprintf("%s %s %d %d %.1f %.1f", r.Selector.Src.Addr(), r.SAID, r.Packets, r.Bytes, r.PacketRate, r.ByteRate))
	}
	return all
}

func checkRows(t *testing.T, sample Sample, err error, by Key, want ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, lines(sample.By(by))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestLook checks that the busiest come first by each key, and that rates are relative to the previous sample.
func TestLook(t *testing.T) {
	start := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	src := &table{version: 1, counts: map[uint32]count{1: {100, 10000}, 2: {50, 90000}, 7: {0, 0}, 300: {10, 10}}}
	var w Sampler
	sample, err := w.Sample(src, start, 3)
	checkRows(t, sample, err, ByPacketRate, "10.0.0.1 %drop 100 10000 0.0 0.0", "10.0.0.2 %drop 50 90000 0.0 0.0", "10.0.1.44 %drop 10 10 0.0 0.0")
	if sample.Count != 4 || sample.Packets != 160 || sample.Bytes != 100010 || sample.Since != 0 {
		t.Errorf("totals: %+v", sample)
	}

	src.counts[7], src.counts[300] = count{40, 400}, count{20, 2010}
	src.holds = []eroute.Eroute{{Selector: selector(8), SAID: eroute.Hold, Packets: 6, Bytes: 60}}
	sample, err = w.Sample(src, start.Add(2*time.Second), 3)
	checkRows(t, sample, err, ByPacketRate, "10.0.0.7 %drop 40 400 20.0 200.0", "10.0.1.44 %drop 20 2010 5.0 1000.0", "10.0.0.8 %hold 6 60 3.0 30.0")
	if sample.Count != 5 || sample.PacketRate != 28 || sample.ByteRate != 1230 || sample.Since != 2*time.Second {
		t.Errorf("totals: %+v", sample)
	}

	sample, err = w.Sample(src, start.Add(3*time.Second), 1)
	for by, want := range map[Key][]string{
		ByPacketRate: {"10.0.0.1 %drop 100 10000 0.0 0.0"}, // no traffic: sorted by packets
		ByByteRate:   {"10.0.0.1 %drop 100 10000 0.0 0.0"},
		ByPackets:    {"10.0.0.1 %drop 100 10000 0.0 0.0"},
		ByBytes:      {"10.0.0.2 %drop 50 90000 0.0 0.0"},
	} {
		checkRows(t, sample, err, by, want...)
	}

	// The counters are reset, and an eroute is deleted.
	src.version, src.counts = 2, map[uint32]count{7: {10, 100}}
	src.holds = nil
	sample, err = w.Sample(src, start.Add(4*time.Second), 3)
	checkRows(t, sample, err, ByPacketRate, "10.0.0.7 %drop 10 100 10.0 100.0")
}

// TestNames checks that the table is searched only for new numbers.
func TestNames(t *testing.T) {
	src := &table{version: 1, counts: map[uint32]count{1: {}, 2: {}, 950: {1000, 1}}}
	var w Sampler
	now := time.Unix(1000, 0)
	sample := func(n int) (sample Sample, err error) {
		now = now.Add(time.Second)
		return w.Sample(src, now, n)
	}
	l, err := sample(2) // no eroute has the number 950
	checkRows(t, l, err, ByPacketRate, "10.0.0.1 %drop 0 0 0.0 0.0")
	for range 3 {
		l, err = sample(2)
		checkRows(t, l, err, ByPacketRate, "10.0.0.1 %drop 0 0 0.0 0.0")
	}
	if src.walks != 1 || src.named != 2 {
		t.Errorf("gone through %d times for %d numbers, want once for 2", src.walks, src.named)
	}
	src.counts[2] = count{5, 5}
	l, err = sample(1)
	checkRows(t, l, err, ByPacketRate, "10.0.0.2 %drop 5 5 5.0 5.0")
	if src.walks != 2 || src.named != 3 {
		t.Errorf("gone through %d times for %d numbers, want twice for 3", src.walks, src.named)
	}
	src.version++
	if _, err = sample(1); err != nil || src.walks != 3 {
		t.Errorf("gone through %d times, %v: a changed table must be", src.walks, err)
	}
	src.err = errors.New("broken")
	if _, err := sample(1); !errors.Is(err, src.err) {
		t.Errorf("error %v", err)
	}
}
