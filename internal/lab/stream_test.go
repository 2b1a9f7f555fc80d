// SPDX-License-Identifier: Apache-2.0

package lab_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/ipsec-eroute/eroute/internal/lab"
)

// Each datagram of a stream is counted once at the other end, by stream, and is recognised in a capture.
func TestStream(t *testing.T) {
	l := newLab(t)
	to := netip.AddrPortFrom(l.WestHost.LAN4, 4700)
	count, err := l.WestHost.CountStreams(to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = count.Close() }()
	wire, err := l.CaptureWire()
	if err != nil {
		t.Fatal(err)
	}
	streams := []*lab.Stream{
		{From: l.EastHost, Dst: to, ID: 1, Rate: 2000, Size: 100},
		{From: l.East, Src: netip.AddrPortFrom(l.East.LAN4, 0), Dst: to, ID: 2, Rate: 200},
	}
	for _, s := range streams {
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(300 * time.Millisecond)
	sent := map[uint32]uint64{}
	for _, s := range streams {
		if sent[s.ID], err = s.Stop(); err != nil {
			t.Error(err)
		}
		if err := count.Wait(within(t, 20*time.Second), s.ID, sent[s.ID]); err != nil {
			t.Error(err)
		}
		if once, again := count.Arrived(s.ID); once != sent[s.ID] || again != 0 || once == 0 {
			t.Errorf("stream %d: %d arrived, %d again, of %d", s.ID, once, again, sent[s.ID])
		}
	}
	frames, err := wire.Stop()
	if err != nil {
		t.Error(err)
	}
	type datagram struct {
		id     uint32
		number uint64
	}
	seen, known := map[uint32]uint64{}, map[datagram]bool{}
	for _, f := range frames {
		if id, number, ok := f.Numbered(); ok {
			if d := (datagram{id, number}); known[d] || number >= sent[id] {
				t.Errorf("captured %+v of %d again", d, sent[id])
			} else {
				known[d] = true
			}
			seen[id]++
			if age := time.Since(f.Time); age < 0 || age > time.Minute {
				t.Errorf("captured %v ago", age)
			}
		}
	}
	if len(seen) != 2 || seen[1] != sent[1] || seen[2] != sent[2] {
		t.Errorf("captured %v of %v", seen, sent)
	}
}
