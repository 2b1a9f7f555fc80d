// SPDX-License-Identifier: Apache-2.0

package acquire

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/pkg/eroute"
)

func flowOf(i int) eroute.Selector {
	src := netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
	return eroute.Selector{Src: netip.PrefixFrom(src, 32), Dst: netip.MustParsePrefix("192.0.1.1/32")}
}

func text(packets []packet) string {
	s := ""
	for _, p := range packets {
		s += string(p.bytes) + " "
	}
	return s
}

// A hold keeps its first packet and the newest one.
func TestStoreKeepsFirstAndNewest(t *testing.T) {
	s := newStore(10, 1000)
	for _, content := range []string{"first", "second", "third", "newest"} {
		if !s.put(flowOf(1), packet{bytes: []byte(content)}, ofHold, time.Now()) {
			t.Errorf("%s was not kept", content)
		}
	}
	if s.packets != 2 || s.bytes != len("first")+len("newest") {
		t.Errorf("%d packets, %d bytes", s.packets, s.bytes)
	}
	if got := text(s.take(flowOf(1))); got != "first newest " {
		t.Errorf("kept %s", got)
	}
	if got := s.take(flowOf(1)); got != nil {
		t.Errorf("kept %s still", text(got))
	}
}

// The bounds hold whatever comes, and what was kept is not given up for others.
func TestStoreIsBounded(t *testing.T) {
	const maxPackets, maxBytes = 20, 500
	r := rand.New(rand.NewPCG(1, 2))
	s := newStore(maxPackets, maxBytes)
	refused := 0
	for range 20000 {
		flow := flowOf(r.IntN(30))
		before := text(sliceOf(s, flow))
		if r.IntN(5) == 0 {
			s.take(flow)
		} else if !s.put(flow, packet{bytes: make([]byte, r.IntN(60))}, []int{ofHold, 5}[r.IntN(2)], time.Now()) {
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
		if packets != s.packets || bytes != s.bytes || packets > maxPackets || bytes > maxBytes {
			t.Fatalf("%d packets of %d bytes, counted as %d of %d", packets, bytes, s.packets, s.bytes)
		}
	}
	if refused == 0 {
		t.Error("the store was never full")
	}
}

func sliceOf(s *store, flow eroute.Selector) []packet {
	if h := s.holds[flow]; h != nil {
		return h.packets
	}
	return nil
}

func ExampleKind() {
	fmt.Println(KindAcquire, KindHold, KindRelease, KindReap, KindLost)
	// Output: acquire hold release reap lost
}
