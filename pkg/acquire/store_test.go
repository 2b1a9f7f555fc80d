// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/abi"
	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

func flowOf(i int) eroute.Selector {
	src := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
	return eroute.Selector{Src: netip.PrefixFrom(src, 32), Dst: netip.MustParsePrefix("192.0.1.1/32")}
}

func idOf(i int) abi.FlowID { return abi.FlowID{Selector: flowOf(i), Serial: uint64(i)} }

// trapOf returns one of two traps.
func trapOf(i int) eroute.Selector {
	return eroute.Selector{Src: netip.MustParsePrefix([]string{"192.0.2.0/24", "192.0.0.0/16"}[i%2]), Dst: netip.MustParsePrefix("192.0.1.0/24")}
}

func text(packets []packet) string {
	s := ""
	for _, p := range packets {
		s += string(p.bytes) + " "
	}
	return s
}

// TestStoreKeepsFirstAndNewest checks that a hold keeps its first packet and the newest one.
func TestStoreKeepsFirstAndNewest(t *testing.T) {
	s := newStore(10, 1000)
	for _, content := range []string{"first", "second", "third", "newest"} {
		if !s.put(idOf(1), trapOf(1), packet{bytes: []byte(content)}, ofHold, time.Now()) {
			t.Errorf("%s was not kept", content)
		}
	}
	if s.packets != 2 || s.bytes != len("first")+len("newest") {
		t.Errorf("%d packets, %d bytes", s.packets, s.bytes)
	}
	if got := text(s.take(idOf(1))); got != "first newest " {
		t.Errorf("kept %s", got)
	}
	if got := s.take(idOf(1)); got != nil {
		t.Errorf("kept %s still", text(got))
	}
}

// TestStoreIsBounded checks that the limits are never exceeded, and that stored packets are not evicted.
func TestStoreIsBounded(t *testing.T) {
	const maxPackets, maxBytes = 20, 500
	r := rand.New(rand.NewPCG(1, 2))
	s := newStore(maxPackets, maxBytes)
	refused := 0
	for range 20000 {
		i := r.IntN(30)
		flow := idOf(i)
		before := text(sliceOf(s, flow))
		if r.IntN(5) == 0 {
			s.take(flow)
		} else if !s.put(flow, trapOf(i), packet{bytes: make([]byte, r.IntN(60))}, []int{ofHold, 5}[r.IntN(2)], time.Now()) {
			refused++
			if text(sliceOf(s, flow)) != before {
				t.Fatal("a refused packet has changed what was kept")
			}
		}
		packets, bytes := 0, 0
		for _, h := range s.holds {
			for _, p := range h.packets {
				packets++
				bytes += len(p.bytes)
			}
		}
		if len(s.traps) == 2 && (s.traps[trapOf(0)].packets+s.traps[trapOf(1)].packets != packets || s.traps[trapOf(0)].bytes+s.traps[trapOf(1)].bytes != bytes) {
			t.Fatalf("%v of %d packets of %d bytes", s.traps, packets, bytes)
		}
		if packets != s.packets || bytes != s.bytes || packets > maxPackets || bytes > maxBytes {
			t.Fatalf("%d packets of %d bytes, counted as %d of %d", packets, bytes, s.packets, s.bytes)
		}
	}
	if refused == 0 {
		t.Error("the store was never full")
	}
}

// TestStoreIsFair checks that packets of one trap's flows never use up the room for another's.
func TestStoreIsFair(t *testing.T) {
	const maxPackets = 1000
	for _, size := range []int{1, 100} { // limited by packets, or by bytes
		s := newStore(maxPackets, maxPackets*10)
		kept := [2]int{}
		for trap, count := range []int{10 * maxPackets, maxPackets / 20} {
			for i := range count {
				flow := abi.FlowID{Selector: flowOf(i), Serial: uint64(trap*maxPackets*10 + i)}
				if s.put(flow, trapOf(trap), packet{bytes: make([]byte, size)}, ofHold, time.Now()) {
					kept[trap]++
				}
			}
		}
		most := maxPackets * 10 / max(size, 10)
		if kept[0] < most*8/10 || kept[0] == most || kept[1] < most/20 {
			t.Errorf("%d and %d packets of %d bytes kept, of %d", kept[0], kept[1], size, most)
		}
	}
}

func sliceOf(s *store, flow abi.FlowID) []packet {
	if h := s.holds[flow]; h != nil {
		return h.packets
	}
	return nil
}
